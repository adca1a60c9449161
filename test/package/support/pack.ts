import { runToEnd } from '../../support/child.js';
import { ROOT } from './files.js';

/** The output of `npm pack` about the tarball. */
export interface PackResult {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** Packs the built package into a folder. */
export async function pack(destination: string): Promise<PackResult> {
  const { stdout } = await runToEnd(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', destination],
    { cwd: ROOT },
  );
  const [result] = JSON.parse(stdout) as readonly PackResult[];
  if (result === undefined) throw new Error(`npm pack packed nothing: ${stdout}`);
  return result;
}
