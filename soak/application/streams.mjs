/** Counts the HTTP/2 streams that a server has open; there are none on a server of HTTP/1.1. */
export function countStreams(server) {
  let open = 0;
  server.on('stream', stream => {
    open += 1;
    stream.once('close', () => (open -= 1));
  });
  return () => open;
}
