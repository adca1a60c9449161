import { afterEach, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../package/support/files.js';

const FILLED_IN = { repository: 'r', homepage: 'h', bugs: 'b' };
const RELEASED = '## [1.0.0] - 2026-01-01\n\n### Added\n\n- All.\n';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A repository with the files of a release, all committed. */
function repository(parts: {
  readonly version: string;
  readonly changelog: string;
  readonly manifest?: object;
}): string {
  const folder = mkdtempSync(join(tmpdir(), 'release-'));
  folders.push(folder);
  const { version, changelog, manifest = FILLED_IN } = parts;
  const json = JSON.stringify({ name: 'p', version, ...manifest }, null, 2);
  const lock = JSON.stringify(
    { name: 'p', version, packages: { '': { name: 'p', version } } },
    null,
    2,
  );
  writeFileSync(join(folder, 'package.json'), json);
  writeFileSync(join(folder, 'package-lock.json'), lock);
  writeFileSync(join(folder, 'CHANGELOG.md'), `# Changelog\n\n## [Unreleased]\n\n${changelog}`);
  for (const page of ['README.md', 'README.zh-CN.md', 'SECURITY.md', 'CONTRIBUTING.md']) {
    writeFileSync(join(folder, page), `# ${page}\n`);
  }
  run(folder, 'git', ['init', '--quiet']);
  run(folder, 'git', ['add', '--all']);
  run(folder, 'git', ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '--quiet', '-m', 'a']);
  return folder;
}

function run(cwd: string, command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const release = (folder: string, ...args: readonly string[]) =>
  run(folder, process.execPath, [join(ROOT, 'scripts/release.mjs'), ...args]);
const textOf = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8');
const versionOf = (folder: string): unknown =>
  (JSON.parse(textOf(folder, 'package.json')) as { version: unknown }).version;

describe('npm run release:version', () => {
  it('releases the version of package.json first, and leaves an empty "Unreleased"', () => {
    const changelog = 'This will be the first.\n\n### Added\n\n- All.\n';
    const folder = repository({ version: '0.1.0', changelog });
    expect(release(folder).status).toBe(0);
    expect(versionOf(folder)).toBe('0.1.0');
    expect(textOf(folder, 'CHANGELOG.md')).toMatch(
      /^# Changelog\n\n## \[Unreleased\]\n\n## \[0\.1\.0\] - \d{4}-\d\d-\d\d\n\n### Added\n\n- All\.\n$/,
    );
  });

  it.each([
    ['1.0.0', '### Fixed\n\n- a', '1.0.1'],
    ['1.0.1', '### Fixed\n\n- a\n\n### Added\n\n- b', '1.1.0'],
    ['1.2.3', '### Removed\n\n- a', '2.0.0'],
    ['1.2.3', '### Changed\n\n- **Breaking**: a', '2.0.0'],
    ['0.1.9', '### Changed\n\n- **Breaking**: a', '0.2.0'],
    ['0.1.9', '### Security\n\n- a', '0.1.10'],
  ])('turns %s, with %j in the changelog, into %s', (version, lines, expected) => {
    const folder = repository({ version, changelog: `${lines}\n\n${RELEASED}` });
    expect(release(folder).stderr).toBe('');
    expect(versionOf(folder)).toBe(expected);
    expect(textOf(folder, 'package-lock.json').split(`"${expected}"`)).toHaveLength(3);
    expect(textOf(folder, 'CHANGELOG.md')).toContain(
      `## [Unreleased]\n\n## [${expected}] - ${new Date().toISOString().slice(0, 10)}\n\n${lines}\n\n${RELEASED}`,
    );
  });

  it('accepts a larger version than the changelog requires, and rejects a smaller one', () => {
    const changelog = `### Added\n\n- a\n\n${RELEASED}`;
    const folder = repository({ version: '1.0.0', changelog });
    expect(release(folder, 'patch')).toMatchObject({
      status: 1,
      stderr: 'The changelog needs a minor release of 1.0.0, not a patch one.\n',
    });
    expect(release(folder, 'major').status).toBe(0);
    expect(versionOf(folder)).toBe('2.0.0');
  });

  it.each([
    ['nothing to release', '', {}, /nothing under "Unreleased"/],
    ['a section without a meaning', '### News\n\n- a\n', {}, /"News" is not one of/],
    ['no address', '### Added\n\n- a\n', { manifest: {} }, /package\.json: repository/],
  ])('rejects %s', (_, changelog, parts, message) => {
    const folder = repository({ version: '0.1.0', changelog, ...parts });
    expect(release(folder)).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
    expect(run(folder, 'git', ['status', '--porcelain']).stdout).toBe('');
  });

  it('rejects a page with a placeholder, and a checkout that is not clean', () => {
    const folder = repository({ version: '0.1.0', changelog: '### Added\n\n- a\n' });
    writeFileSync(join(folder, 'new.txt'), '');
    expect(release(folder).stderr).toMatch(/^Commit first/);
    writeFileSync(join(folder, 'SECURITY.md'), '<!-- TO FILL IN: an address -->\n');
    expect(release(folder).stderr).toMatch(/SECURITY\.md: what "TO FILL IN" marks/);
  });
});

describe('npm run release:dry-run', () => {
  it('prints the release and its placeholders, and changes nothing', () => {
    const parts = { version: '0.1.0', changelog: '### Added\n\n- a\n', manifest: {} };
    const folder = repository(parts);
    const { status, stdout } = release(folder, '--dry-run');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^First release: 0\.1\.0, .*- a\n.*p-0\.1\.0\.tgz: \d+ files/s);
    expect(stdout).toContain('Still to fill in:\n- package.json: repository\n');
    expect(run(folder, 'git', ['status', '--porcelain']).stdout).toBe('');
  });
});
