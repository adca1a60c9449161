export { accessTokenStoreContract } from './access-token-store-contract.js';
export type {
  WxCloudStoreContractCase,
  WxCloudStoreContractOptions,
  WxCloudStoreFactory,
} from './contract-case.js';
export { pendingFileStoreContract } from './pending-file-store-contract.js';
