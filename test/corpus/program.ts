/**
 * A real static x86-64 program that waits for ever, with a text behind its code: always the same bytes, and never seen elsewhere.
 * (ELF header and one loadable segment, elf(5); pause(2) is system call 34.)
 */
export function sleeper(text: string): Buffer {
  const code = Buffer.from('b8220000000f05ebf7', 'hex');
  const start = 64 + 56;
  const size = 1024;
  const base = 0x400000n;
  const program = Buffer.alloc(size);
  Buffer.from('7f454c4602010100', 'hex').copy(program);
  program.writeUInt16LE(2, 16);
  program.writeUInt16LE(62, 18);
  program.writeUInt32LE(1, 20);
  program.writeBigUInt64LE(base + BigInt(start), 24);
  program.writeBigUInt64LE(64n, 32);
  for (const [at, value] of [
    [52, 64],
    [54, 56],
    [56, 1],
  ] as const) {
    program.writeUInt16LE(value, at);
  }
  program.writeUInt32LE(1, 64);
  program.writeUInt32LE(5, 68);
  for (const [at, value] of [
    [80, base],
    [88, base],
    [96, BigInt(size)],
    [104, BigInt(size)],
    [112, 0x1000n],
  ] as const) {
    program.writeBigUInt64LE(value, at);
  }
  code.copy(program, start);
  program.write(`\0${text}`, start + code.length);
  return program;
}

/** Shell lines that write such a program to a file and make it executable. */
export function writeSleeper(path: string, text: string): string {
  return `echo ${sleeper(text).toString('base64')} | base64 -d > ${path}; chmod 755 ${path}`;
}
