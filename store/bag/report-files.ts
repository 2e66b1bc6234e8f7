import type { BagFile } from '../../playbooks/bag/bag-file.js';
import { type MissingContent, olderReport, payloadFiles } from '../../playbooks/bag/layout.js';
import type { Tally } from '../../playbooks/bag/tally.js';
import type { BagMaterial } from './bag-material.js';
import { openKept } from './open-kept.js';

const forms = ['json', 'markdown', 'html', 'timeline'] as const;

/** All versions of the report in all forms, the newest first. */
export async function* reportFiles(material: BagMaterial, payload: Tally, missing: MissingContent[]): AsyncGenerator<BagFile> {
  const newest = material.reports.at(-1);
  for (const { version, files } of material.reports.toReversed()) {
    const paths = version === newest?.version ? payloadFiles : olderReport(version);
    for (const form of forms) {
      const [sha256, path] = [files[form], paths[form]];
      const bytes = material.destroyed ? undefined : await openKept(material.evidence, sha256);
      if (bytes === undefined) missing.push({ sha256, subject: path, why: material.destroyed ? 'destroyed' : 'lost' });
      else yield payload.through({ path, bytes }, sha256);
    }
  }
}
