/** Passes a request to Fastify without a connection. Bytes are encoded in Base64. */
export async function inject(app, { method = 'POST', path, headers, body }) {
  const payload = Buffer.from(body, 'base64');
  const options = { method, url: path, headers, payload };
  const { statusCode, rawPayload } = await app.getHttpAdapter().getInstance().inject(options);
  return { status: statusCode, answer: rawPayload.toString('base64') };
}
