// The cloud of the benchmark, in a process of its own: the emulator, with its objects on disk.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWxCloudEmulator } from 'nestjs-wx-cloud-storage/emulator';

const dataDir = mkdtempSync(join(tmpdir(), 'wx-cloud-bench-'));
const emulator = await startWxCloudEmulator({ dataDir });
process.send(emulator.options);
process.once('disconnect', async () => {
  await emulator.close();
  rmSync(dataDir, { recursive: true });
});
