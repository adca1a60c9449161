import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** A file for a page's input. */
export interface PickedFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** Noise, which does not compress, so that an upload takes a while. */
export async function makeImage(
  format: 'png' | 'jpeg',
  name: string,
  width = 400,
): Promise<PickedFile> {
  const noise = { type: 'gaussian', mean: 120, sigma: 50 } as const;
  const picture = sharp({ create: { width, height: 300, channels: 3, noise, background: '#fff' } });
  const colored = picture.tint({ r: 230, g: 120, b: 40 });
  return { name, mimeType: `image/${format}`, buffer: await colored.toFormat(format).toBuffer() };
}

/** The pixels of an image behind a link. */
export async function fetchPixels(link: string): Promise<Buffer> {
  const bytes = Buffer.from(await (await fetch(link)).arrayBuffer());
  return sharp(bytes).removeAlpha().toColourspace('srgb').raw().toBuffer();
}

/** Width and height of an image behind a link. */
export async function fetchDimensions(link: string): Promise<readonly [number, number]> {
  const bytes = Buffer.from(await (await fetch(link)).arrayBuffer());
  const { width, height } = await sharp(bytes).metadata();
  return [width, height];
}

/** The largest difference between the channels of a pixel. */
export function colorfulness(pixels: Buffer): number {
  let most = 0;
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(at, at + 3);
    most = Math.max(most, Math.abs(red - green), Math.abs(green - blue));
  }
  return most;
}

/** A file that starts with an image. By path, as its content would be slow through the DevTools. */
export async function writeLargeImage(folder: string, size: number): Promise<string> {
  const path = join(folder, 'large.png');
  await writeFile(path, await makeLargeImage(size));
  return path;
}

/** The content of a file with an image at its start. */
export async function makeLargeImage(size: number): Promise<Buffer> {
  const { buffer } = await makeImage('png', 'large.png');
  return Buffer.concat([buffer, Buffer.alloc(size - buffer.length)]);
}
