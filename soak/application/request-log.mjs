import { tell } from '../support/processes.mjs';
import { records } from './records.mjs';

/** The header in which the load generator names its requests. */
const ID_HEADER = 'x-soak-id';

/** The running requests. */
const active = new Set();
const filesOf = new Map();

/** Lists the running requests. */
export const listActive = () => [...active];

/** Registers the files that a handler has received; the end of the response decides about them. */
export function noteFiles({ headers }, files) {
  const id = headers[ID_HEADER];
  // The client has left, so the request fails.
  if (!active.has(id)) return;
  const noted = files.map(({ originalname, fileId, contentType }) => ({
    name: originalname,
    fileId,
    contentType,
  }));
  filesOf.set(id, noted);
  records?.add(id, noted);
}

/**
 * A middleware for all adapters: reports the end of each response to the runner. If the complete
 * response with a status below 400 was passed on while it was open, its files belong to the
 * application, even if the client did not read it: behind a bridge such as `inject()`, the sent
 * bytes are unknown.
 */
export function logRequest(request, response, next) {
  const id = request.headers[ID_HEADER];
  active.add(id);
  const end = () => {
    response.off('finish', end);
    response.off('close', end);
    active.delete(id);
    const files = filesOf.get(id) ?? [];
    filesOf.delete(id);
    const isSuccess = response.writableEnded && response.statusCode < 400;
    if (files.length === 0) return;
    if (isSuccess) tell({ type: 'kept', id, files });
    // Behind a client that left while its response was held, the files may be kept or not.
    else if (response.writableEnded) records?.withdraw(files);
  };
  response.on('finish', end);
  response.on('close', end);
  next();
}
