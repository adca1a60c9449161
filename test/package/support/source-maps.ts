import { decode } from '@jridgewell/sourcemap-codec';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { ROOT } from './files.js';

/** A place in a built file, and the place in a source that its map leads to. */
export interface MappedPlace {
  /** The rest of the line in the built file. */
  readonly built: string;
  /** The source, from the root of the package. */
  readonly source: string;
  /** The rest of the line in the source; undefined when there is no such line. */
  readonly original: string | undefined;
}

/** The places of a built file that its map, `path` from the root of the package, leads on from. */
export function mappedPlacesOf(path: string): readonly MappedPlace[] {
  const { sources, mappings } = JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as {
    readonly sources: readonly string[];
    readonly mappings: string;
  };
  const built = linesOf(path.replace(/\.map$/, ''));
  const paths = sources.map(source => posix.join(posix.dirname(path), source));
  const originals = paths.map(linesOf);
  return decode(mappings).flatMap((positions, line) =>
    positions.map(([column, source = -1, sourceLine = -1, sourceColumn = 0]) => ({
      built: built[line]?.slice(column) ?? '',
      source: paths[source] ?? '',
      original: originals[source]?.[sourceLine]?.slice(sourceColumn),
    })),
  );
}

function linesOf(path: string): readonly string[] {
  return readFileSync(join(ROOT, path), 'utf8').split('\n');
}
