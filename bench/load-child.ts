import { Agent, get } from 'node:http';

/**
 * Asks a web server for one page at a constant rate, answered or not, and prints how long each answer took, in ms, as JSON:
 * URL REQUESTS-A-SECOND SECONDS.
 */
const [url = '', rate = '1', seconds = '1'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const took: number[] = [];
const total = Number(rate) * Number(seconds);
let sent = 0;
let open = 0;

const started = performance.now();
const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(((performance.now() - started) * Number(rate)) / 1000));
  for (; sent < due; sent += 1) ask();
  if (sent === total) clearInterval(timer);
}, 1);

function ask(): void {
  open += 1;
  send(performance.now());
}

function send(asked: number): void {
  const request = get(url, { agent }, (answer) => {
    if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode ?? 0}`);
    answer.resume().once('end', () => {
      took.push(performance.now() - asked);
      open -= 1;
      if (sent === total && open === 0) end();
    });
  });
  request.once('error', (error: NodeJS.ErrnoException) => {
    // The server has ended a connection that was idle while the request was on its way to it.
    if (!request.reusedSocket || error.code !== 'ECONNRESET') throw error;
    send(asked);
  });
}

function end(): void {
  agent.destroy();
  process.stdout.write(JSON.stringify(took.map((ms) => Math.round(ms * 1000) / 1000)));
}
