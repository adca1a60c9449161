import { tell } from '../support/processes.mjs';

/** The header by which the load generator names its requests. */
const ID_HEADER = 'x-soak-id';

/** How many requests are under way. */
let active = 0;
const filesOf = new Map();

export const countActive = () => active;

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
 * A middleware of both adapters: tells the runner how every response has ended. The files of one that was sent to its
 * end with a status below 400 are the application's, whether or not the client was there to read it.
 */
export function logRequest(request, response, next) {
  active += 1;
  const id = request.headers[ID_HEADER];
  const end = () => {
    response.off('finish', end);
    response.off('close', end);
    active -= 1;
    const files = filesOf.get(id) ?? [];
    filesOf.delete(id);
    const isSuccess = response.writableFinished && response.statusCode < 400;
    if (isSuccess && files.length > 0) tell({ type: 'kept', id, files });
  };
  response.on('finish', end);
  response.on('close', end);
  next();
}
