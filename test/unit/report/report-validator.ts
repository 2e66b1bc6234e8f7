import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { reportSchema } from '../../../playbooks/report/model.js';
import { reportJsonSchema } from '../../../playbooks/report/schema.js';

/** As somebody else would check a report, with a JSON Schema library: `strict` also refuses fields that the schema does not name. */
const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
addFormats.default(ajv);
ajv.addFormat('base64', /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const published = ajv.compile(reportJsonSchema());
const strict = ajv.compile(z.toJSONSchema(reportSchema));

/** What is wrong with a report; empty when nothing is. */
export function schemaProblems(report: unknown, by: 'published' | 'strict' = 'strict'): string[] {
  const validators = by === 'published' ? [published] : [published, strict];
  return validators.flatMap((validate) =>
    validate(report) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`),
  );
}
