import { z } from 'zod';
import { sha256Schema } from './artifact.js';

/** What a string in a file may be of use for. */
export const stringKinds = ['url', 'address', 'pool', 'wallet'] as const;

/** What an ELF file's headers say (elf(5)); anything in them can be forged. */
export const elfFactsSchema = z.object({
  /** In the words of readelf(1) cut short: `x86-64`, `aarch64`; or `machine 123`. */
  machine: z.string().max(40),
  bits: z.union([z.literal(32), z.literal(64)]),
  kind: z.enum(['executable', 'shared', 'relocatable', 'core', 'other']),
  /** True when it asks for no dynamic linker and no library. */
  static: z.boolean(),
  /** Whether it has no symbol table; absent where the section table could not be read. */
  stripped: z.boolean().optional(),
  /** Why it looks packed, such as `section UPX0`; absent when it does not. */
  packed: z.string().max(100).optional(),
});
export type ElfFacts = z.output<typeof elfFactsSchema>;

/** What the bytes of one content say of themselves. Computed without network or model; texts are cut and safe to print. */
export const contentFactsSchema = z.object({
  sha256: sha256Schema,
  size: z.int().nonnegative(),
  /** By its first bytes, such as `ELF`, `gzip`, `PNG`, `script`, `text`, `data`. */
  type: z.string().max(40),
  /** Shannon's, in bits a byte, 0 to 8, two decimals. */
  entropy: z.number().min(0).max(8),
  elf: elfFactsSchema.optional(),
  /** What a script's first line asks for, without `#!`. */
  interpreter: z.string().max(200).optional(),
  /** Strings that matter, in order, each once. */
  strings: z.array(z.object({ kind: z.enum(stringKinds), text: z.string().max(200) })).max(40),
  /** True when there were more. */
  stringsCut: z.boolean(),
});
export type ContentFacts = z.output<typeof contentFactsSchema>;
