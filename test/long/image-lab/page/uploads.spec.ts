import { useLabPages } from '../../../support/image-lab/lab-page.js';
import { useLabServer } from '../../../support/image-lab/lab-server.js';
import { describeWithChromium as describe } from '../../../support/describe-with.js';
import { describeCards, describeCardsInSight } from './uploads/cards.js';
import { describeDirectUploads } from './uploads/direct-upload.js';
import { describeFailures, describeFailuresInSight } from './uploads/failures.js';
import { describeFullGallery } from './uploads/full-gallery.js';
import { describeOperations } from './uploads/operations.js';
import { describeRefusals } from './uploads/refusals.js';
import { describeSamples, describeSamplesInSight } from './uploads/samples.js';
import { describeSlowNetwork } from './uploads/slow-network.js';
import { describeStrip, describeStripInSight } from './uploads/strip.js';
import { DESKTOP, PHONE } from './uploads/support.js';
import { describeTouch } from './uploads/touch.js';

// In one suite, as each browser and each tab costs seconds of processor time. The tests of a screen
// are together, so that they share a tab.
describe('the page of the image lab', () => {
  const tools = { lab: useLabServer(), ...useLabPages() };

  describe('with uploads as cards', () => describeCards(tools));
  describe('with uploads straight to the cloud', () => describeDirectUploads(tools));
  describe('with uploads that fail', () => describeFailures(tools));
  describe('with files that are no images', () => describeRefusals(tools));
  describe('with samples', () => describeSamples(tools));
  describe('with the requests to the cloud', () => describeStrip(tools));
  describe('with a gallery that is full', () => describeFullGallery(tools));
  describe('with operations', () => describeOperations(tools));
  describe('on a slow network', () => describeSlowNetwork(tools));

  describe.each([
    ['1280×800', DESKTOP],
    ['390×844', PHONE],
  ])('on a screen of %s', (_, screen) => {
    describe('an upload', () => describeCardsInSight(tools, screen));
    describe('a failure', () => describeFailuresInSight(tools, screen));
    describe('the samples', () => describeSamplesInSight(tools, screen));
    describe('the requests to the cloud', () => describeStripInSight(tools, screen));
  });

  describe('on a touch screen', () => describeTouch(tools));
});
