import { join } from 'node:path';
import { type RequestHandler, Router } from 'express';
import { absolutePath } from 'swagger-ui-dist';

/** What the page is made of, beside its start: files of swagger-ui-dist. */
const files = ['favicon-32x32.png', 'swagger-ui-bundle.js', 'swagger-ui.css'];

const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>podtriage: the API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** `validatorUrl`: by default the page shows the contract to a service of others. */
const start = `SwaggerUIBundle({ url: '/openapi.yaml', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
`;

/** All comes from here. Styles are set by the script, and images are in its stylesheet. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `/docs`: the contract as a page, without a key and without the internet. It says nothing of any run. */
export function docsRoutes(): Router {
  const folder = absolutePath();
  const router = Router();
  const guarded: RequestHandler = (_req, res, next) => {
    res.set('Content-Security-Policy', policy);
    next();
  };
  router.get('/docs', guarded, (_req, res) => {
    res.type('html').send(page);
  });
  router.get('/docs/start.js', (_req, res) => {
    res.type('text/javascript').send(start);
  });
  for (const file of files)
    router.get(`/docs/${file}`, (_req, res) => {
      res.sendFile(join(folder, file));
    });
  return router;
}
