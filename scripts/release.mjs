// Prepares the next release from "Unreleased" in CHANGELOG.md: docs/decisions/0018-releases.md.
//
//   node scripts/release.mjs --dry-run [patch|minor|major]   prints the changes without making them
//   node scripts/release.mjs [patch|minor|major]             writes the version and the date
//
// It works in the current folder and needs no network.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const BUMPS = ['patch', 'minor', 'major'];
/**
 * The minimum bump for a section of the changelog, from 1.0.0 on; before that, `major` is a minor
 * bump.
 */
const SECTION_BUMPS = {
  Removed: 'major',
  Added: 'minor',
  Changed: 'minor',
  Deprecated: 'minor',
  Fixed: 'patch',
  Security: 'patch',
};
const BREAKING = /^- \*\*Breaking/m;
const FILL_IN = 'TO FILL IN';

function fail(message) {
  console.error(message);
  process.exit(1);
}

const isDryRun = process.argv.includes('--dry-run');
const [wanted, ...more] = process.argv.slice(2).filter(argument => argument !== '--dry-run');
if (more.length > 0 || (wanted !== undefined && !BUMPS.includes(wanted))) {
  fail(`Give one of ${BUMPS.join(', ')}, or nothing: the changelog tells.`);
}

const changelog = readFileSync('CHANGELOG.md', 'utf8');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const unreleased = readUnreleased();
const isFirst = !/^## \[\d/m.test(changelog);
const needed = neededBump();
const version = nextVersion();

/** Reads the lines under "Unreleased", from the first section on. */
function readUnreleased() {
  const [, text = ''] = /^## \[Unreleased\]\n(.*?)(?=^## \[|(?![^]))/ms.exec(changelog) ?? [];
  const start = text.search(/^### /m);
  if (start === -1) fail('CHANGELOG.md has nothing under "Unreleased".');
  return text.slice(start).trim();
}

function neededBump() {
  if (BREAKING.test(unreleased)) return 'major';
  const titles = [...unreleased.matchAll(/^### (.+)$/gm)].map(([, title]) => title);
  const unknown = titles.find(title => !Object.hasOwn(SECTION_BUMPS, title));
  if (unknown !== undefined) {
    fail(`"${unknown}" is not one of ${Object.keys(SECTION_BUMPS).join(', ')}.`);
  }
  return BUMPS[Math.max(...titles.map(title => BUMPS.indexOf(SECTION_BUMPS[title])))];
}

/** Returns the next version; the first release has the version in package.json. */
function nextVersion() {
  if (isFirst) return manifest.version;
  const [major, minor, patch] = manifest.version.split('.').map(Number);
  const least = major === 0 && needed === 'major' ? 'minor' : needed;
  const bump = wanted ?? least;
  if (BUMPS.indexOf(bump) < BUMPS.indexOf(least)) {
    fail(`The changelog needs a ${least} release of ${manifest.version}, not a ${bump} one.`);
  }
  if (bump === 'major') return `${major + 1}.0.0`;
  return bump === 'minor' ? `${major}.${minor + 1}.0` : `${major}.${minor}.${patch + 1}`;
}

/** Returns the requirements of a release that are not met. */
function missing() {
  const members = ['repository', 'homepage', 'bugs'].filter(member => !(member in manifest));
  const marked = ['README.md', 'README.zh-CN.md', 'SECURITY.md', 'CONTRIBUTING.md'].filter(file =>
    readFileSync(file, 'utf8').includes(`<!-- ${FILL_IN}`),
  );
  return [
    ...members.map(member => `package.json: ${member}`),
    ...marked.map(file => `${file}: what "${FILL_IN}" marks`),
  ];
}

const date = new Date().toISOString().slice(0, 10);
const lacking = missing();
console.log(`${isFirst ? 'First release' : `After ${manifest.version}`}: ${version}, ${date}\n`);
console.log(`${unreleased}\n`);

if (isDryRun) {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
  );
  const kilobytes = bytes => `${Math.round(bytes / 1_000)} kB`;
  console.log(
    `${packed.filename}: ${packed.files.length} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`,
  );
  if (lacking.length > 0)
    console.log(`Still to fill in:\n${lacking.map(l => `- ${l}`).join('\n')}`);
  process.exit();
}

if (lacking.length > 0) fail(`Fill in first:\n${lacking.map(line => `- ${line}`).join('\n')}`);
if (execFileSync('git', ['status', '--porcelain'], { encoding: 'utf8' }) !== '') {
  fail('Commit first: the release is a commit of its own.');
}

writeFileSync(
  'CHANGELOG.md',
  changelog
    .replace(
      /^## \[Unreleased\]\n.*?(?=^## \[|(?![^]))/ms,
      () => `## [Unreleased]\n\n## [${version}] - ${date}\n\n${unreleased}\n\n`,
    )
    .trimEnd() + '\n',
);
// As text, so that only the version changes.
for (const file of ['package.json', 'package-lock.json']) {
  const text = readFileSync(file, 'utf8');
  const from = `"name": "${manifest.name}",`;
  const pattern = new RegExp(`(${from}\\s+"version": )"[^"]+"`, 'g');
  writeFileSync(file, text.replaceAll(pattern, `$1"${version}"`));
}
console.log(`Now, after a look at the difference:

  git commit --all --message 'chore: release ${version}'
  git tag --annotate v${version} --message ${version}
  git push --follow-tags
  npm publish`);
