/** Makes a form of text fields and files, in the given order. */
export function makeForm(parts, boundary) {
  const chunks = parts.flatMap(part => [
    `--${boundary}\r\n${headOf(part)}\r\n\r\n`,
    part.text ?? part.file.bytes,
    '\r\n',
  ]);
  return Buffer.concat([...chunks, `--${boundary}--\r\n`].map(chunk => Buffer.from(chunk)));
}

function headOf({ field, file, padding }) {
  const disposition = `Content-Disposition: form-data; name="${field}"`;
  if (padding !== undefined) return `X-Soak: ${padding}\r\n${disposition}`;
  if (file === undefined) return disposition;
  return `${disposition}; filename="${file.name}"\r\nContent-Type: image/png`;
}

/** Creates the Content-Type header of a form. */
export const formType = boundary => ({
  'content-type': `multipart/form-data; boundary=${boundary}`,
});
