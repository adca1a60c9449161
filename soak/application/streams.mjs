/** Counts the open HTTP/2 streams of a server; always 0 for HTTP/1.1. */
export function countStreams(server) {
  let open = 0;
  server.on('stream', stream => {
    open += 1;
    stream.once('close', () => (open -= 1));
  });
  return () => open;
}
