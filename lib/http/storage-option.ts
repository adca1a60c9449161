import type { ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { quoteText } from '../errors/client-text.js';
import { OptionsInvalidError, WxCloudStorageError } from '../errors/errors.js';
import type { WxCloudFileSource } from '../storage/wx-cloud-file.js';
import { type ApplicationInstances, type Instance, instanceOf } from './application-registry.js';
import { onRequestEnd } from './request-end.js';
import {
  rawRequestOf,
  rawResponseOf,
  RequestProperty,
  type WxCloudHttpRequest,
} from './request-origin.js';

/**
 * Chooses the instance of a request: returns its name, or its `WxCloudStorageService`. It is called
 * once for a request, however many interceptors and pipes share it, and before an interceptor of
 * this package reads the body; the choice stays until the request has ended. What it throws is the
 * response: an `HttpException` unchanged. A name without an instance is a 404 with
 * `WX_CLOUD_INSTANCE_NOT_FOUND`, any other result a 500, which is logged.
 *
 * Clients must not choose by themselves: check that the request may use the instance. The request
 * may be typed as that of the adapter in use.
 * @example
 * ```ts
 * import { UnauthorizedException } from '@nestjs/common';
 * import type { Request } from 'express';
 * import type { WxCloudStorageChooser } from 'nestjs-wx-cloud-storage';
 *
 * type SignedIn = Request & { readonly user?: { readonly tenant: string } };
 *
 * export const ofTenant: WxCloudStorageChooser<SignedIn> = ({ user }) => {
 *   if (user === undefined) throw new UnauthorizedException();
 *   return user.tenant;
 * };
 * ```
 */
export type WxCloudStorageChooser<Request extends WxCloudHttpRequest = WxCloudHttpRequest> = {
  /** A method, as its parameter may be narrowed, here to Express' or Fastify's own request. */
  choose(request: Request): Choice | Promise<Choice>;
}['choose'];

/** The name of an instance, or its service. */
type Choice = string | WxCloudFileSource;

/**
 * Selects an instance: its name, which is checked when the application starts, or a function of the
 * request.
 */
export type WxCloudStorageOption = string | WxCloudStorageChooser;

/** The surroundings of a choice. */
interface ChoicePlace {
  /** The request. */
  readonly request: WxCloudHttpRequest;
  /** Its response, where it is known: the instance does not close before it has ended. */
  readonly response?: ServerResponse | undefined;
  /** The instances of its application. */
  readonly instances: ApplicationInstances;
  /** The option and its owner, for messages. */
  readonly subject: string;
}

/** The choices of a request by the function that made them. */
const choicesProperty = new RequestProperty<Map<WxCloudStorageChooser, Promise<Instance>>>(
  'storageChoices',
);

/**
 * Checks the option; the existence of a named instance is checked later.
 * @throws {@link OptionsInvalidError}
 */
export function assertStorageOption(value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  if (typeof value === 'function' && !isClass(value)) return;
  const isEngine = typeof value === 'object' || typeof value === 'function';
  throw new OptionsInvalidError({
    option: 'storage',
    expected: 'the name of an instance, or a function of the request that returns it',
    remedy: isEngine
      ? "A storage engine belongs to Nest's own interceptors. Leave it out for the default instance."
      : 'Leave it out for the default instance.',
  });
}

/** True for a class, which cannot be called. */
function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

/**
 * Reads the option, of which nothing is checked yet; returns at most one of its two forms.
 */
export function readStorageOption(
  options: { readonly storage?: WxCloudStorageOption | undefined } | null,
): { readonly name?: string | undefined; readonly choose?: WxCloudStorageChooser } {
  const storage = options?.storage;
  return typeof storage === 'function' ? { choose: storage } : { name: storage };
}

/** Chooses the instance for the handler of a request; see {@link chooseInstance}. */
export function chooseForHandler(
  choose: WxCloudStorageChooser,
  context: ExecutionContext,
  { name, instances }: { readonly name: string; readonly instances: ApplicationInstances },
): Promise<Instance> {
  const http = context.switchToHttp();
  const request = http.getRequest<WxCloudHttpRequest>();
  const response = rawResponseOf(http.getResponse<ServerResponse>());
  const handler = `${context.getClass().name}.${context.getHandler().name}`;
  const subject = `${handler}: ${subjectOf(name)}`;
  return chooseInstance(choose, { request, response, instances, subject });
}

/** Names the option and its owner, for messages. */
export function subjectOf(owner: string): string {
  return `option "storage" of ${owner}`;
}

/**
 * Returns the instance that a function chooses for a request; asks it once.
 * @throws {@link WxCloudStorageError} `WX_CLOUD_INSTANCE_NOT_FOUND`; {@link OptionsInvalidError}
 * for a result that is neither a name nor a service; and what the function throws
 */
export function chooseInstance(
  choose: WxCloudStorageChooser,
  place: ChoicePlace,
): Promise<Instance> {
  const request = rawRequestOf(place.request);
  const choices =
    choicesProperty.read(request) ?? new Map<WxCloudStorageChooser, Promise<Instance>>();
  const known = choices.get(choose);
  if (known !== undefined) return known;
  const chosen = ask(choose, place);
  choicesProperty.write(request, choices.set(choose, chosen));
  return chosen;
}

async function ask(choose: WxCloudStorageChooser, place: ChoicePlace): Promise<Instance> {
  const chosen: unknown = await choose(place.request);
  const found = find(chosen, place.instances);
  if (found !== undefined) {
    // Otherwise an idle instance might be closed before the request uses it, or between its calls.
    const { operations } = found.context;
    operations.touch();
    if (place.response !== undefined) onRequestEnd(place.response, operations.hold());
    return found;
  }
  if (typeof chosen !== 'string') throw unusable(chosen, place.subject);
  throw place.instances.closing.has(chosen) ? instanceIsClosing(chosen) : notFound(chosen);
}

function find(chosen: unknown, { known, bare }: ApplicationInstances): Instance | undefined {
  if (typeof chosen === 'string') return known.get(chosen) ?? bare.get(chosen);
  if (typeof chosen !== 'object' || chosen === null) return undefined;
  const all = [...known.values(), ...bare.values()];
  return all.find(({ service }) => service === chosen) ?? instanceOf(chosen);
}

/** Creates the error for an instance that is being closed, and perhaps replaced. */
export function instanceIsClosing(name: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_STORAGE_CLOSED',
    message: `The instance ${quoteText(name)} is being closed. Open it again with WxCloudStorageRegistry.open(), which waits for its end.`,
    retryable: true,
  });
}

function notFound(name: string): WxCloudStorageError {
  return new WxCloudStorageError({
    code: 'WX_CLOUD_INSTANCE_NOT_FOUND',
    message: `There is no instance ${quoteText(name)}. Open it first, or correct the name.`,
  });
}

/** The result itself is not named, as it may hold anything. */
function unusable(chosen: unknown, subject: string): OptionsInvalidError {
  return new OptionsInvalidError({
    option: 'storage',
    subject,
    expected: `a function that returns the name of an instance or a WxCloudStorageService; it returned ${chosen === null ? 'null' : typeof chosen}`,
    remedy: 'Throw an HttpException where a request may use no instance.',
  });
}
