import { describeWithChromium as describe } from '../../../support/describe-with.js';
import { describeDirectUploads } from './direct-upload.js';
import { describeForEverybody } from './everybody.js';
import { describeGallery } from './gallery.js';
import { describeProgress } from './progress.js';
import { useLabPages } from '../../../support/image-lab/lab-page.js';
import { useLabServer } from '../../../support/image-lab/lab-server.js';

// In one suite, as each browser and each tab costs seconds of processor time.
describe('the page of the image lab', () => {
  const tools = { lab: useLabServer(), ...useLabPages() };

  describe('for everything', () => describeGallery(tools));
  describe('with uploads straight to the cloud', () => describeDirectUploads(tools));
  describe('while an upload is on its way', () => describeProgress(tools));
  describe('for everybody', () => describeForEverybody(tools));
});
