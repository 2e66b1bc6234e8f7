import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A database as rpm wrote it; `upgraded` after an upgrade of package `tool`. Made by test/fixtures/rpm/make.sh. */
export function rpmFixture(name: 'rpmdb' | 'upgraded'): Buffer {
  return gunzipSync(readFileSync(join(import.meta.dirname, '..', 'fixtures', 'rpm', `${name}.sqlite.gz`)));
}
