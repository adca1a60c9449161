/** Lets clients and others run for a time, or until the application is broken, with faults. */
export async function runLoad(cloud, workers, { seconds, faultShare, isBroken }) {
  await cloud.ask('setFaultShare', faultShare);
  const endMs = performance.now() + seconds * 1_000;
  const isOver = () => performance.now() >= endMs || isBroken();
  await Promise.all(workers.map(worker => worker.run(isOver)));
  await cloud.ask('setFaultShare', 0);
}
