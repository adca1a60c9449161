import type { ResolvedOptions } from './resolved-options.js';

/**
 * Says in one line what an instance works with, for the log: nothing secret, of addresses the host.
 */
export function describeOptions(options: ResolvedOptions, name: string | undefined): string {
  const { env, auth, apiBaseUrl } = options;
  return [
    `env=${env}`,
    `auth=${auth.type}`,
    `api=${new URL(apiBaseUrl).host}`,
    ...(name === undefined ? [] : [`instance=${name}`]),
    ...(options.isFromEnvironment ? ['source=environment'] : []),
  ].join(' ');
}
