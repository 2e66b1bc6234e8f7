import { blow } from './test/integration/engine/storm.js';
const [runs, every, limit] = process.argv.slice(2).map(Number);
console.log(JSON.stringify(await blow({ runs: runs!, workers: 3, everyMs: every!, redisCrashes: 1, limitMs: limit! })));
