import { hash } from 'node:crypto';

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const bech32 = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

/** The shortest and the longest word that can be a wallet's address. */
export const shortestWallet = 26;
export const longestWallet = 106;

/** Tells in a moment what kind of a wallet a word of letters and digits may be; undefined when none. */
export function walletShape(word: string): 'monero' | 'ethereum' | 'bech32' | 'base58' | undefined {
  const { length } = word;
  if (length === 42 && /^0x[0-9A-Fa-f]{40}$/.test(word)) return 'ethereum';
  if ((length === 42 || length === 62) && /^bc1/i.test(word)) return 'bech32';
  if (!/^[1-9A-HJ-NP-Za-km-z]*$/.test(word)) return undefined;
  if (length === 95 ? /^[48][0-9AB]/.test(word) : length === 106 && word.startsWith('4')) return 'monero';
  return length >= shortestWallet && length <= 35 && /^[13]/.test(word) ? 'base58' : undefined;
}

/**
 * Whether a word of such a shape is the address of a wallet: of Monero by the size of each block, of Bitcoin by its checksum, of Ethereum by
 * its many different digits. It takes some microseconds.
 */
export function isWallet(word: string, shape: NonNullable<ReturnType<typeof walletShape>>): boolean {
  switch (shape) {
    case 'monero':
      return isMonero(word);
    case 'ethereum':
      // Constants of programs repeat few digits.
      return new Set(word.slice(2).toLowerCase()).size >= 8;
    case 'bech32':
      return isBech32(word);
    case 'base58':
      return isBase58Check(word);
  }
}

/** Monero writes eight bytes as eleven digits of base58, so that not every eleven digits can be eight bytes. */
function isMonero(word: string): boolean {
  for (let at = 0; at < word.length; at += 11) {
    const value = valueOf(word.slice(at, at + 11));
    // The last block of 95 digits has 7 for 5 bytes, that of 106 has 7 as well.
    if (value >= (at + 11 <= word.length ? 1n << 64n : 1n << 40n)) return false;
  }
  return new Set(word).size > 20;
}

function valueOf(digits: string): bigint {
  let value = 0n;
  for (const digit of digits) value = value * 58n + BigInt(base58.indexOf(digit));
  return value;
}

/** 25 bytes: version 0 or 5, 20 of a hash, 4 of a doubled sha256 (developer.bitcoin.org, "Base58Check encoding"). */
function isBase58Check(word: string): boolean {
  const value = valueOf(word);
  if (value >= 1n << 200n) return false;
  const bytes = Buffer.from(value.toString(16).padStart(50, '0'), 'hex');
  if (bytes[0] !== 0 && bytes[0] !== 5) return false;
  const twice = hash('sha256', hash('sha256', bytes.subarray(0, 21), 'buffer'), 'buffer');
  return twice.subarray(0, 4).equals(bytes.subarray(21));
}

/** The checksum of BIP 173 (bech32) or BIP 350 (bech32m), for the prefix `bc`. */
function isBech32(word: string): boolean {
  const lower = word.toLowerCase();
  if (word !== lower && word !== word.toUpperCase()) return false;
  const values = [3, 3, 0, 2, 3, ...Array.from(lower.slice(3), (char) => bech32.indexOf(char))];
  if (values.includes(-1)) return false;
  const sum = polymod(values);
  return sum === 1 || sum === 0x2bc830a3;
}

function polymod(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let sum = 1;
  for (const value of values) {
    const top = sum >>> 25;
    sum = ((sum & 0x1ffffff) << 5) ^ value;
    for (const [bit, term] of generator.entries()) if (((top >>> bit) & 1) === 1) sum ^= term;
  }
  return sum;
}
