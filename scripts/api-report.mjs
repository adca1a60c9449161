// Writes the public surface of each entry to api/, as API Extractor sees it in the built
// declarations: docs/decisions/0020-an-api-report-in-git.md. With `--check`, api/ is not changed;
// the differences are printed, and the exit code is 1 if there are any.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CompilerState,
  ConsoleMessageId,
  Extractor,
  ExtractorConfig,
} from '@microsoft/api-extractor';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REPORTS = join(ROOT, 'api');
const isCheck = process.argv.includes('--check');

const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
const entries = Object.entries(exports)
  .filter(([, target]) => typeof target !== 'string')
  .map(([name, target]) => ({
    name: name === '.' ? 'index' : name.slice(2),
    types: join(ROOT, target.default.types),
  }));

const COMPILER_OPTIONS = {
  target: 'ES2022',
  lib: ['ES2023'],
  module: 'NodeNext',
  moduleResolution: 'NodeNext',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
};

const silent = { default: { logLevel: 'none' } };

/** Messages that are not printed: their advice is to copy a temporary file. */
const TOLD_OTHERWISE = [ConsoleMessageId.Preamble, ConsoleMessageId.ApiReportNotCopied];

function configOf({ name, types }, reportTempFolder) {
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: types,
      compiler: {
        overrideTsconfig: {
          compilerOptions: COMPILER_OPTIONS,
          files: entries.map(entry => entry.types),
        },
      },
      apiReport: {
        enabled: true,
        // Types that exported ones refer to are part of the surface, even if they are not exported
        // by name.
        includeForgottenExports: true,
        reportFileName: name,
        reportFolder: REPORTS,
        reportTempFolder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: 'error' } },
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
  });
}

mkdirSync(REPORTS, { recursive: true });
const temporary = mkdtempSync(join(tmpdir(), 'api-report-'));
try {
  const configs = entries.map(entry => configOf(entry, temporary));
  const compilerState = CompilerState.create(configs[0], {
    additionalEntryPoints: entries.slice(1).map(entry => entry.types),
  });
  const changed = configs.filter(config => {
    const { apiReportChanged, errorCount } = Extractor.invoke(config, {
      compilerState,
      localBuild: !isCheck,
      printApiReportDiff: isCheck,
      messageCallback: message => {
        message.handled = TOLD_OTHERWISE.includes(message.messageId);
      },
    });
    if (errorCount > 0) process.exitCode = 1;
    return apiReportChanged;
  });
  if (isCheck && changed.length > 0) {
    console.error(
      'The public surface is not that of api/. If that is meant, run "npm run api" and commit what it writes.',
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
