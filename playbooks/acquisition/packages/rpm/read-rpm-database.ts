import type { Claims } from '../claims.js';
import { takeHeader } from './package-header.js';
import { SqlitePages } from './sqlite-pages.js';
import { columnsOf, rootOfTable } from './sqlite-record.js';
import { tableRecords } from './sqlite-table.js';
import type { WantedPaths } from './wanted-paths.js';

/** Bytes of headers that are read in one go: meanwhile nothing else of this process runs. */
const atOnce = 4 * 1024 * 1024;

/** What a record costs beside its bytes, in bytes: many can be empty. */
const perRecord = 64;

/**
 * Reads rpm's database in SQLite: table `Packages` has a row a package, a number and the package's header.
 * @param bytes the whole file
 * @throws TriageError `transfer-truncated` where it is not as its format says; what was read until then is in `claims`
 */
export async function readRpmDatabase(bytes: Buffer, wanted: WantedPaths, claims: Claims): Promise<void> {
  const pages = new SqlitePages(bytes);
  const root = rootOfTable(pages, 'Packages');
  let since = 0;
  for (const record of tableRecords(pages, root)) {
    const [, header] = columnsOf(record, 2);
    if (Buffer.isBuffer(header)) takeHeader(header, wanted, claims);
    else claims.unreadable += 1;
    since += record.length + perRecord;
    if (since < atOnce) continue;
    since = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
