import { parseArgs } from 'node:util';
import { startVirusTotalEmulator } from './virustotal.js';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    known: { type: 'string' },
    key: { type: 'string', multiple: true },
    'per-minute': { type: 'string', default: '4' },
    'per-day': { type: 'string', default: '500' },
    'per-month': { type: 'string', default: '15500' },
  },
});
if (values.known === undefined || values.key === undefined) {
  console.error('usage: virustotal-main --known FILE --key KEY [--port N] [--per-minute N] [--per-day N] [--per-month N]');
  process.exit(64);
}
const emulator = await startVirusTotalEmulator({
  keys: values.key,
  known: values.known,
  port: Number(values.port),
  perMinute: Number(values['per-minute']),
  perDay: Number(values['per-day']),
  perMonth: Number(values['per-month']),
});
console.log(JSON.stringify({ listening: emulator.url }));
const stop = (): void => void emulator.close();
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
