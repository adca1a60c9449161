import { describeWithChromium as describe } from '../../../support/describe-with.js';
import { useLabPages } from '../../../support/image-lab/lab-page.js';
import { useLabServer } from '../../../support/image-lab/lab-server.js';
import { describeBulkDelete } from './bulk-delete.js';
import { describeCode } from './code.js';
import { describeCompare } from './compare.js';
import { describeOptions } from './options.js';
import { describeUseResult } from './use-result.js';

// In one suite, as each browser costs seconds of processor time.
describe('the workbench of the page', () => {
  const tools = { lab: useLabServer(), ...useLabPages() };

  describe('before and after', () => describeCompare(tools));
  describe('a result as the next input', () => describeUseResult(tools));
  describe('the options', () => describeOptions(tools));
  describe('the code', () => describeCode(tools));
  describe('the deletion of several images', () => describeBulkDelete(tools));
});
