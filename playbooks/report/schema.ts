import { z } from 'zod';
import { failureSchema } from '../domain/run.js';
import { reportSchema, reportSchemaVersion } from './model.js';

const id = `urn:podtriage:schema:report:${reportSchemaVersion}`;

/**
 * The JSON Schema (2020-12) of the reports that are written now. A report may have fields that it does not name: a new one raises the second
 * number of its version, and who reads by an older schema reads it all the same. Codes of errors are not listed, as there are more with every release.
 */
export function reportJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(reportSchema, { override: loosen });
  return {
    $schema,
    $id: id,
    title: 'podtriage report',
    description: `The report of one run, version ${reportSchemaVersion} of its form. Text in it is safe to print; exact bytes of names are base64.`,
    ...schema,
  };
}

function loosen({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: { additionalProperties?: unknown; enum?: unknown } }): void {
  // That of a record says what its values are.
  if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  if (zodSchema === failureSchema.shape.code) delete jsonSchema.enum;
}
