import type { Locator, Page } from 'playwright-core';
import { untilTrue } from '../../../../support/image-lab/lab-page.js';
import type { LabServer } from '../../../../support/image-lab/lab-server.js';
import { makeImage, type PickedFile } from '../../../../support/image-lab/pictures.js';
import { lookAt } from './screens.js';

/** The operations as the English page names them. */
export type OperationLabel = 'Grayscale' | 'Blur' | 'Resize' | 'Rotate' | 'Watermark';

/** The parts of the workbench. */
export class Workbench {
  readonly dialog: Locator;
  readonly title: Locator;
  readonly run: Locator;
  readonly frame: Locator;
  readonly slider: Locator;
  readonly divider: Locator;
  readonly after: Locator;
  readonly useResult: Locator;
  readonly problem: Locator;
  readonly code: Locator;

  constructor(readonly page: Page) {
    this.dialog = page.locator('#workbench');
    this.title = page.locator('#workbench-title');
    this.run = this.part('run');
    this.frame = this.part('frame');
    this.slider = this.part('slider');
    this.divider = this.dialog.locator('.divider');
    this.after = this.part('after');
    this.useResult = this.part('useResult');
    this.problem = this.part('problem');
    this.code = this.part('request');
  }

  part(name: string): Locator {
    return this.dialog.locator(`[data-part=${name}]`);
  }

  /** Opens an image that the gallery shows. */
  async open(name: string): Promise<void> {
    await this.page.getByRole('button', { name: `Edit ${name}`, exact: true }).click();
    await this.title.waitFor();
  }

  async choose(operation: OperationLabel): Promise<void> {
    await this.dialog.locator('.operation', { hasText: operation }).click();
  }

  /** The field of an option, for an exact value. */
  field(option: string): Locator {
    return this.dialog.locator(
      `#option-${option}:not([type=range]), .option:has(#option-${option}) input[type=number]`,
    );
  }

  /** The line below the field of an option. */
  problemOf(option: string): Locator {
    return this.dialog.locator(`.option:has(#option-${option}) .option-problem`);
  }

  /** Runs the operation that is chosen, and waits for its result. */
  async runToResult(): Promise<void> {
    await this.run.click();
    await this.useResult.waitFor();
    await untilTrue(this.page, ALL_PICTURES_SHOW);
  }

  /** The name of the result that is shown. */
  async resultName(): Promise<string | null> {
    return this.after.locator('.compare-name').textContent();
  }

  /** The file ID of the result that is shown. */
  async resultId(): Promise<string | null> {
    return this.after.locator('.file-id').textContent();
  }

  /** The code that is shown. */
  async readCode(): Promise<string> {
    return (await this.code.textContent()) ?? '';
  }

  /** The colors at ten points across the frame, above the handle of the divider. */
  async readStrip(): Promise<readonly string[]> {
    const sight = await lookAt(this.frame);
    return POINTS.map(x => nameColor(sight.at(x, 0.4)));
  }
}

const ALL_PICTURES_SHOW = `[...document.querySelectorAll('.frame img')].every(
  image => image.complete && image.naturalWidth > 0,
)`;

const POINTS = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95];

/** Colors that the tests use: an image of a strong orange, and gray ones that are made of it. */
function nameColor([red = 0, green = 0, blue = 0]: readonly number[]): string {
  if (red - blue > 100) return 'orange';
  return Math.max(red, green, blue) - Math.min(red, green, blue) < 12 && red > 60 && red < 200
    ? 'gray'
    : 'none';
}

/** Gives the lab an image without the page, which shows it when it is loaded. */
export async function store(lab: LabServer, file?: PickedFile): Promise<string> {
  const { body } = await lab.upload(file ?? (await makeImage('png', 'a.png')));
  return String(body['fileId']);
}

/** The names of the gallery's images, the newest first. */
export async function readNames(lab: LabServer): Promise<readonly string[]> {
  const { body } = await lab.get('/api/images');
  return (body['images'] as readonly { readonly name: string }[]).map(({ name }) => name);
}
