'use strict';

// The health indicator in a route of terminus.
const assert = require('node:assert/strict');
const { decorate, withApplication } = require('./application.cjs');

/** Creates a controller with a health route. */
const makeController = ({ common, terminus, wxTerminus }, options) => {
  class HealthController {
    constructor(health, storage) {
      this.health = health;
      this.storage = storage;
    }

    check() {
      return this.health.check([() => this.storage.isHealthy('storage', options)]);
    }
  }
  common.Controller('health')(HealthController);
  common.Inject(terminus.HealthCheckService)(HealthController, undefined, 0);
  common.Inject(wxTerminus.WxCloudHealthIndicator)(HealthController, undefined, 1);
  decorate(HealthController, 'check', { method: [common.Get(), terminus.HealthCheck()] });
  return HealthController;
};

exports.checks = {
  'a health route follows the state of the cloud': async modules => {
    const { common, storage, terminus, wxTerminus } = modules;
    class HealthModule {}
    common.Module({
      imports: [terminus.TerminusModule.forRoot({ logger: false })],
      controllers: [makeController(modules, { bucket: true, cacheSeconds: 0 })],
      providers: [wxTerminus.WxCloudHealthIndicator],
    })(HealthModule);
    const imports = given => [storage.WxCloudStorageModule.forRoot(given), HealthModule];
    await withApplication(modules, { imports }, async ({ cloud, url }) => {
      const ask = async () => {
        const response = await fetch(`${url}/health`);
        const { storage: result } = (await response.json()).details;
        return { status: response.status, result };
      };
      assert.deepEqual(await ask(), { status: 200, result: { status: 'up' } });
      cloud.faults.add({ operation: 'upload-link', effect: { kind: 'errcode', errcode: 48001 } });
      const { status, result } = await ask();
      assert.equal(status, 503);
      assert.equal(result.code, 'WX_CLOUD_CREDENTIAL_REFUSED');
      assert.match(result.message, /check the account/);
      assert.deepEqual(await ask(), { status: 200, result: { status: 'up' } });
    });
  },
};
