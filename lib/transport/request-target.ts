/** Where a request goes. Taken apart once, as to take an address apart costs as much as to send a short request. */
export interface RequestTarget {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
}

/** The target of an address; a fragment, user or password is not part of it. */
export function toTarget({ origin, pathname, search }: URL): RequestTarget {
  return { origin, path: `${pathname}${search}` };
}
