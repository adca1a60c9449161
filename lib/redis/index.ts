export { redisAccessTokenStore } from './redis-access-token-store.js';
export type { RedisAccessTokenStoreOptions } from './redis-access-token-store.js';
export type { IoRedisClient, NodeRedisClient, RedisClient } from './redis-client.js';
export { redisPendingFileStore } from './redis-pending-file-store.js';
export type { RedisPendingFileStoreOptions } from './redis-pending-file-store.js';
export {
  redisReplicaChannel,
  type RedisPublisher,
  type RedisSubscriber,
} from './redis-replica-channel.js';
