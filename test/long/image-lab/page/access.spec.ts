import { useLabPages } from '../../../support/image-lab/lab-page.js';
import { useLabServer } from '../../../support/image-lab/lab-server.js';
import { describeWithChromium as describe } from '../../../support/describe-with.js';
import { describeAxe } from './axe.js';
import { describeForcedColors } from './forced-colors.js';
import { describeKeyboard } from './keyboard.js';
import { describeSmallScreens } from './small-screens.js';

// In one suite, as each browser costs seconds of processor time.
describe('the access to the page', () => {
  const tools = { lab: useLabServer(), ...useLabPages() };

  describe('by keyboard alone', () => describeKeyboard(tools));
  describe('on small screens', () => describeSmallScreens(tools));
  describe('in forced colors', () => describeForcedColors(tools));
  describe('by the rules of axe-core', () => describeAxe(tools));
});
