import { setTimeout as delay } from 'node:timers/promises';
import { TIMEOUTS } from '../support/limits.mjs';
import { standstill } from './standstill.mjs';

/**
 * The maximum duration of a request: its own time, that of the clean-up, and a reserve for a busy
 * machine.
 */
const LONGEST_EXCHANGE_MS = 60_000;
/** The interval of a dripping client, shorter than the idle timeout of the application. */
const DRIP_MS = 250;

/**
 * Sends one request and returns its outcome: a status; `left` if the client left as planned; `cut`
 * if the connection ended before the response; `hung` without a response; `slow` if the request was
 * refused for its slowness because the load generator was busy.
 */
export async function exchange(channel, plan) {
  const startedAtMs = performance.now();
  const { method = 'POST', headers = {}, body = Buffer.alloc(0) } = plan;
  const sent = channel.open({
    ...plan,
    method,
    headers: { ...headers, 'content-length': body.byteLength },
  });
  const end = endOf(channel, sent, plan);
  const writing = writeBody({ channel, sent, plan, body, end });
  const outcome = await end;
  sent.destroy(outcome.status === undefined ? new Error('given up') : undefined);
  const ms = performance.now() - startedAtMs;
  const { isHeldUp } = await writing;
  const isSlow = isHeldUp || ms > TIMEOUTS.totalMs || standstill.hasHappenedSince(startedAtMs);
  const isExcused = outcome.status === 408 && !wantsToBeSlow(plan) && isSlow;
  return { ...outcome, ...(isExcused ? { outcome: 'slow' } : {}), ms };
}

const wantsToBeSlow = ({ stallAfter, drip }) => stallAfter !== undefined || drip !== undefined;

function endOf(channel, sent, plan) {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve({ outcome: 'hung' }), LONGEST_EXCHANGE_MS);
    const settle = outcome => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const chunks = [];
    channel.listen(sent, {
      onChunk: chunk => {
        chunks.push(chunk);
        if (plan.leave?.atAnswer === true) leave(channel, sent, plan.leave);
      },
      onEnd: status => settle({ outcome: status, status, answer: Buffer.concat(chunks) }),
      onBreak: error => {
        const reason = `${error?.code ?? error?.message ?? 'no error'} on ${channel.describe(sent)}`;
        settle({ outcome: sent.hasLeft === true ? 'left' : channel.nameBreak(sent), reason });
      },
    });
  });
}

function leave(channel, sent, leaving) {
  sent.hasLeft = true;
  channel.leave(sent, leaving);
}

function drained(sent) {
  return new Promise(resolve => {
    const settle = () => {
      sent.off('drain', settle);
      sent.off('close', settle);
      resolve();
    };
    sent.on('drain', settle);
    sent.on('close', settle);
  });
}

const isOver = sent => sent.destroyed || sent.closed === true;

const ON_TIME = { isHeldUp: false };

/** Writes chunks, as a network delivers them. */
async function writeChunks(sent, bytes, chunkBytes = 65_536) {
  for (let start = 0; start < bytes.byteLength && !isOver(sent); start += chunkBytes) {
    if (!sent.write(bytes.subarray(start, start + chunkBytes))) await drained(sent);
  }
}

/**
 * Stops where the plan makes the client leave, stall, drip or wait. Resolves with true if it had to
 * wait for longer than planned.
 */
async function writeBody({ channel, sent, plan, body, end }) {
  const { leave: leaving = {}, stallAfter, drip, hold, chunkBytes } = plan;
  const first = leaving.afterBytes ?? stallAfter ?? drip?.afterBytes ?? hold?.afterBytes;
  if (first === 0) sent.flushHeaders?.();
  await writeChunks(sent, body.subarray(0, first), chunkBytes);
  if (stallAfter !== undefined) return ON_TIME;
  if (drip !== undefined) return dripRest(sent, body.subarray(first));
  if (leaving.afterBytes !== undefined) {
    // The written bytes must arrive before the connection ends.
    await delay(5);
    leave(channel, sent, leaving);
    return ON_TIME;
  }
  if (hold !== undefined) {
    const heldAtMs = performance.now();
    await Promise.race([hold.until, end]);
    const heldMs = performance.now() - heldAtMs;
    await writeChunks(sent, body.subarray(first), chunkBytes);
    if (!isOver(sent)) sent.end(hold.onSent);
    return { isHeldUp: heldMs > TIMEOUTS.idleMs / 2 };
  }
  if (!isOver(sent)) sent.end();
  if (leaving.afterMs === undefined) return ON_TIME;
  await delay(leaving.afterMs);
  if (!isOver(sent)) leave(channel, sent, leaving);
  return ON_TIME;
}

/** Writes byte by byte until the application ends the request. */
async function dripRest(sent, bytes) {
  for (let at = 0; at < bytes.byteLength && !isOver(sent); at += 1) {
    sent.write(bytes.subarray(at, at + 1));
    await delay(DRIP_MS);
  }
  return ON_TIME;
}
