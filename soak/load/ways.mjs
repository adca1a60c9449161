import { BUCKET_WAYS, WAYS } from '../support/ways.mjs';

/** Puts a route under one of the ways to the cloud, by chance. */
export function byAnyWay({ random }, route) {
  return underWay(random.pickWeighted(WAYS), route);
}

/** Puts a route under one of the ways to the bucket itself, by chance. */
export function byAnyBucket({ random }, route) {
  return underWay(random.pickWeighted(BUCKET_WAYS), route);
}

/** Puts a route under the way of an instance. */
export function byWayOf(name, route) {
  return underWay(
    WAYS.find(({ storage }) => storage === name),
    route,
  );
}

const underWay = ({ path }, route) => (path === '' ? route : `/${path}${route}`);
