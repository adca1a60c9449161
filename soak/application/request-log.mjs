import { tell } from '../support/processes.mjs';

/** The header by which the load generator names its requests. */
const ID_HEADER = 'x-soak-id';

/** The requests that are under way. */
const active = new Set();
const filesOf = new Map();

/** Names them. */
export const listActive = () => [...active];

/** Takes note of the files that a handler has got; what becomes of them is known when the response has ended. */
export function noteFiles({ headers }, files) {
  filesOf.set(
    headers[ID_HEADER],
    files.map(({ originalname, fileId, contentType }) => ({
      name: originalname,
      fileId,
      contentType,
    })),
  );
}

/**
 * A middleware of all adapters: tells the runner how every response has ended. The files of one
 * that was given its whole answer while it was open, with a status below 400, are the
 * application's, whether or not the client was there to read it: what stands behind a bridge such
 * as `inject()` does not tell what was sent.
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
    if (isSuccess && files.length > 0) tell({ type: 'kept', id, files });
  };
  response.on('finish', end);
  response.on('close', end);
  next();
}
