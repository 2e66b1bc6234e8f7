import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const knownFileSchema = z.strictObject({
  name: z.string(),
  malicious: z.int().nonnegative(),
  suspicious: z.int().nonnegative().default(0),
  undetected: z.int().nonnegative().default(0),
  label: z.string().optional(),
});
/** What the emulator knows of one file. */
export type KnownFile = z.input<typeof knownFileSchema>;

/** Known files by sha256. */
export type KnownFiles = ReadonlyMap<string, KnownFile>;

/** Reads a file of known files: `{ "<sha256>": { "name", "malicious", "undetected", "label" } }`. */
export function readKnownFiles(path: string): KnownFiles {
  const parsed = z.record(z.string().regex(/^[0-9a-f]{64}$/), knownFileSchema).parse(JSON.parse(readFileSync(path, 'utf8')));
  return new Map(Object.entries(parsed));
}

const firstSubmission = Date.UTC(2024, 0, 15, 9, 30) / 1000;
const lastAnalysis = Date.UTC(2025, 5, 1, 12, 0) / 1000;

/** A file object in the shape of API v3 ("Files" and "Analyses"). Engines are invented. */
export function fileObject(sha256: string, file: KnownFile): object {
  const { name, label } = file;
  return {
    data: {
      id: sha256,
      type: 'file',
      links: { self: `https://www.virustotal.com/api/v3/files/${sha256}` },
      attributes: {
        sha256,
        sha1: digest('sha1', sha256),
        md5: digest('md5', sha256),
        size: 1024,
        type_description: 'ELF',
        type_tag: 'elf',
        type_tags: ['executable', 'linux', 'elf'],
        magic: 'ELF 64-bit LSB executable, x86-64, version 1 (SYSV), statically linked',
        names: [name],
        meaningful_name: name,
        tags: ['elf', '64bits'],
        reputation: -(file.malicious > 0 ? 10 : 0),
        times_submitted: 3,
        total_votes: { harmless: 0, malicious: 0 },
        first_submission_date: firstSubmission,
        last_submission_date: lastAnalysis,
        last_analysis_date: lastAnalysis,
        last_modification_date: lastAnalysis,
        last_analysis_stats: statsOf(file),
        last_analysis_results: resultsOf(file),
        ...(label === undefined ? {} : { popular_threat_classification: classification(label) }),
      },
    },
  };
}

function digest(algorithm: string, text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

function statsOf({ malicious, suspicious = 0, undetected = 0 }: KnownFile): object {
  return { malicious, suspicious, undetected, harmless: 0, timeout: 0, 'confirmed-timeout': 0, failure: 1, 'type-unsupported': 4 };
}

function resultsOf({ malicious, suspicious = 0, undetected = 0, label = 'malware' }: KnownFile): object {
  const categories = [
    ...Array<string>(malicious).fill('malicious'),
    ...Array<string>(suspicious).fill('suspicious'),
    ...Array<string>(undetected).fill('undetected'),
    'failure',
    ...Array<string>(4).fill('type-unsupported'),
  ];
  return Object.fromEntries(
    categories.map((category, index) => {
      const engine_name = `Engine ${String(index + 1).padStart(2, '0')}`;
      const result = category === 'malicious' || category === 'suspicious' ? label : null;
      return [engine_name, { method: 'blacklist', engine_name, engine_version: '1.0', engine_update: '20250601', category, result }];
    }),
  );
}

function classification(label: string): object {
  const [category = label, family = label] = label.split(/[./]/);
  return {
    suggested_threat_label: label,
    popular_threat_category: [{ count: 20, value: category }],
    popular_threat_name: [{ count: 15, value: family }],
  };
}
