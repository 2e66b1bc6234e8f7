import { expect } from 'vitest';

// Vitest compares bytes one by one as if they were properties: several seconds for each MB.
expect.addEqualityTesters([(a: unknown, b: unknown) => (Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined)]);
