import sharp, { type OverlayOptions } from 'sharp';
import type { OpenImage } from '../inspect-image.js';
import type { Watermark } from './operation.js';

const MARGIN = 0.03;
const SMALLEST_LETTER_PX = 6;
const SHADOW_ALPHA = 0.55;
const WHITE = '#ffffff';
const BLACK = '#000000';

/**
 * Draws a text as an overlay for an image: white with a soft shadow, never larger than the image.
 */
export async function drawWatermark(
  watermark: Watermark,
  { width, height }: Pick<OpenImage, 'width' | 'height'>,
): Promise<OverlayOptions> {
  const alpha = watermark.opacityPercent / 100;
  const margin = Math.round(Math.min(width, height) * MARGIN);
  const letterPx = Math.max(SMALLEST_LETTER_PX, (width * watermark.sizePercent) / 100);
  const shadowPx = Math.max(1, Math.round(letterPx / 20));
  const pad = margin + shadowPx;

  const light = await drawText({ text: watermark.text, color: WHITE, alpha, letterPx, width });
  const dark = await drawText({
    text: watermark.text,
    color: BLACK,
    alpha: alpha * SHADOW_ALPHA,
    letterPx,
    width,
  });
  const shadow = await sharp(dark)
    .extend({
      top: pad + shadowPx,
      bottom: pad,
      left: pad + shadowPx,
      right: pad,
      background: CLEAR,
    })
    .blur(shadowPx)
    .png()
    .toBuffer();
  const label = await sharp(shadow)
    .composite([{ input: light, top: pad, left: pad }])
    .png()
    .toBuffer();
  const input = await sharp(label)
    .resize({ width, height, fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer();
  return { input, gravity: watermark.position };
}

const CLEAR = { r: 0, g: 0, b: 0, alpha: 0 };

interface TextParts {
  readonly text: string;
  readonly color: string;
  /** The opacity, from 0 to 1. */
  readonly alpha: number;
  readonly letterPx: number;
  /** The image's width; longer text is wrapped. */
  readonly width: number;
}

async function drawText({ text, color, alpha, letterPx, width }: TextParts): Promise<Buffer> {
  const attributes = `foreground="${color}" alpha="${Math.round(alpha * 65_535)}"`;
  return sharp({
    text: {
      text: `<span ${attributes}>${escapeMarkup(text)}</span>`,
      font: `sans bold ${Math.round(letterPx)}`,
      // At 72 dots per inch a point is a pixel.
      dpi: 72,
      width: Math.max(1, Math.floor(width * (1 - MARGIN * 4))),
      wrap: 'word-char',
      rgba: true,
    },
  })
    .png()
    .toBuffer();
}

/** Escapes markup: the text comes from the client, and Pango parses markup. */
function escapeMarkup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
