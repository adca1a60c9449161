import { request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** No request may take longer: its own time, that of the clean-up, and some for a busy machine. */
const LONGEST_EXCHANGE_MS = 25_000;

/**
 * Sends one request and says how it ended: with a status; `left` when the client went away, as planned; `cut` when the
 * connection ended before the answer did; `hung` when nothing came.
 */
export async function exchange({ url, agent }, plan) {
  const startedAtMs = performance.now();
  const { method = 'POST', path, headers = {}, body = Buffer.alloc(0) } = plan;
  const sent = request(`${url}${path}`, {
    method,
    agent,
    headers: { ...headers, 'content-length': body.byteLength },
  });
  sent.setNoDelay(true);
  const end = endOf(sent, plan);
  void writeBody(sent, plan, body);
  const outcome = await end;
  sent.destroy(outcome.status === undefined ? new Error('given up') : undefined);
  return { ...outcome, ms: performance.now() - startedAtMs };
}

function endOf(sent, plan) {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve({ outcome: 'hung' }), LONGEST_EXCHANGE_MS);
    const settle = outcome => {
      clearTimeout(timer);
      resolve(outcome);
    };
    const onEnd = error =>
      settle({ outcome: sent.hasLeft === true ? 'left' : 'cut', reason: describe(sent, error) });
    sent.on('error', onEnd);
    sent.on('close', onEnd);
    sent.on('response', response => {
      const pieces = [];
      response.on('data', piece => {
        pieces.push(piece);
        if (plan.leave?.atAnswer === true) leave(sent);
      });
      response.on('error', onEnd);
      response.on('end', () => {
        const { statusCode: status } = response;
        if (response.complete) settle({ outcome: status, status, answer: Buffer.concat(pieces) });
      });
    });
  });
}

function describe(sent, error) {
  const where = sent.reusedSocket ? 'a connection used before' : 'a new connection';
  return `${error?.code ?? 'no error'} on ${where}`;
}

function leave(sent) {
  sent.hasLeft = true;
  sent.destroy();
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

/** In pieces, as a network delivers; stops where the plan says that the client leaves or stalls. */
async function writeBody(sent, { leave: leaving = {}, stallAfter, pieceBytes = 65_536 }, body) {
  const last = Math.min(leaving.afterBytes ?? Infinity, stallAfter ?? Infinity, body.byteLength);
  if (last === 0) sent.flushHeaders();
  for (let start = 0; start < last && !sent.destroyed; start += pieceBytes) {
    const isTaken = sent.write(body.subarray(start, Math.min(start + pieceBytes, last)));
    if (!isTaken) await drained(sent);
  }
  if (stallAfter !== undefined) return;
  if (leaving.afterBytes !== undefined) {
    // What was written is to arrive before the connection ends.
    await delay(5);
    return leave(sent);
  }
  if (!sent.destroyed) sent.end();
  if (leaving.afterMs === undefined) return;
  await delay(leaving.afterMs);
  if (!sent.destroyed) leave(sent);
}
