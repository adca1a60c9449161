export {
  WxCloudHealthIndicator,
  type WxCloudHealthOptions,
  type WxCloudHealthProblem,
  type WxCloudHealthResult,
} from './health-indicator.js';
