import { describeWithChromium as describe } from '../../../support/describe-with.js';
import { describeDirectUploads } from '../../../e2e/sample/page/direct-upload.js';
import { describeForEverybody } from '../../../e2e/sample/page/everybody.js';
import { describeGallery } from '../../../e2e/sample/page/gallery.js';
import { describeProgress } from '../../../e2e/sample/page/progress.js';
import { useLabPages } from '../../../e2e/sample/support/lab-page.js';
import { useLabServer } from '../../../e2e/sample/support/lab-server.js';

// In one suite, as each browser and each tab costs seconds of processor time.
describe('the page of the image lab', () => {
  const tools = { lab: useLabServer(), ...useLabPages() };

  describe('for everything', () => describeGallery(tools));
  describe('with uploads straight to the cloud', () => describeDirectUploads(tools));
  describe('while an upload is on its way', () => describeProgress(tools));
  describe('for everybody', () => describeForEverybody(tools));
});
