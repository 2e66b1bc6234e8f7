import { chainScript } from './chain.js';

/** Appends acts that change nothing of the run, such as that its evidence was read: who waits for a change of the run is not woken. Answers ok | gone | moved. */
export const chainNote = chainScript(`
if resent() then return {'ok'} end
if redis.call('EXISTS', KEYS[3]) == 0 then return {'gone'} end
if not fits() then return moved() end
note()
return {'ok'}
`);
