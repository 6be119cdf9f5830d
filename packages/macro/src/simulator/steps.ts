import type { Random } from '@kraud/base';
import { displace } from '../controllers/index.ts';
import type { Host, Pod } from '../model/index.ts';
import { drawPod, oneIn, pick } from './draw.ts';
import type { Simulation } from './simulation.ts';

/** One thing that happens to the model, and how often in relation to the others. */
interface Step {
  readonly name: string;
  readonly weight: number;
  run(sim: Simulation, random: Random): Promise<void>;
}

const steps: readonly Step[] = [
  { name: 'arrivals', weight: 30, run: arrive },
  { name: 'exit', weight: 15, run: exit },
  { name: 'removal', weight: 10, run: remove },
  { name: 'host failure', weight: 5, run: fail },
  { name: 'host return', weight: 6, run: recover },
  { name: 'drain', weight: 4, run: drain },
  { name: 'cordon', weight: 3, run: cordon },
  { name: 'reopening', weight: 5, run: reopen },
  { name: 'taint', weight: 4, run: taint },
  { name: 'measured use', weight: 15, run: use },
];

export function drawStep(random: Random): Step {
  let draw = random.below(steps.reduce((sum, step) => sum + step.weight, 0));
  for (const step of steps) {
    draw -= step.weight;
    if (draw < 0) return step;
  }
  throw new Error('the weights do not add up');
}

async function arrive(sim: Simulation, random: Random): Promise<void> {
  const count = 1 + random.below(8);
  for (let i = 0; i < count && sim.pods().length < sim.options.pods; i += 1) {
    sim.arrivals += 1;
    await sim.tables.pods.create(drawPod(random, sim.arrivals));
  }
}

async function exit(sim: Simulation, random: Random): Promise<void> {
  const pod = pick(
    random,
    sim.pods().filter((each) => each.status.phase === 'running' && sim.isReady(each.spec.host)),
  );
  if (!pod) return;
  await sim.hosts.exit(pod, random.below(2));
  if (!oneIn(random, 2)) return;
  // As the restart policy or the user would.
  await change(sim, pod, (present) => {
    present.spec.run = { ...present.spec.run, serial: present.spec.run.serial + 1 };
  });
}

async function remove(sim: Simulation, random: Random): Promise<void> {
  const pod = pick(random, sim.pods());
  if (pod) await sim.tables.pods.delete(pod.meta);
}

async function fail(sim: Simulation, random: Random): Promise<void> {
  const host = pick(random, sim.readyHosts());
  if (!host) return;
  sim.hosts.die(host.meta.name);
  await changeHost(sim, host, (present) => {
    present.status.ready = false;
  });
}

async function recover(sim: Simulation, random: Random): Promise<void> {
  const host = pick(
    random,
    sim.tables.hosts.everywhere().filter((each) => !each.status.ready),
  );
  if (host)
    await changeHost(sim, host, (present) => {
      present.status.ready = true;
    });
}

async function drain(sim: Simulation, random: Random): Promise<void> {
  const host = pick(random, sim.readyHosts());
  if (!host) return;
  await changeHost(sim, host, (present) => {
    present.spec.drained = true;
  });
  for (const pod of sim.pods().filter((each) => each.spec.host === host.meta.name)) {
    await sim.tables.pods.mutate(pod.meta, (present) =>
      displace(present, `host ${host.meta.name} is being drained`, sim.clock.now()),
    );
  }
}

async function cordon(sim: Simulation, random: Random): Promise<void> {
  const host = pick(random, sim.readyHosts());
  if (host)
    await changeHost(sim, host, (present) => {
      present.spec.cordoned = true;
    });
}

async function reopen(sim: Simulation, random: Random): Promise<void> {
  const host = pick(random, sim.tables.hosts.everywhere());
  if (host)
    await changeHost(sim, host, (present) => {
      present.spec = { cordoned: false, taints: [] };
    });
}

async function taint(sim: Simulation, random: Random): Promise<void> {
  const host = pick(random, sim.readyHosts());
  const effect = oneIn(random, 2) ? 'no-schedule' : 'prefer-no-schedule';
  if (host)
    await changeHost(sim, host, (present) => {
      present.spec.taints = [{ key: 'broken', value: '', effect }];
    });
}

/** Time passes, and every host says what its pods use: mostly a part of what they reserve, sometimes all of it. */
async function use(sim: Simulation, random: Random): Promise<void> {
  await sim.clock.advance(60_000 + random.below(400_000));
  for (const host of sim.readyHosts()) {
    const usage: NonNullable<Host['status']['usage']> = {};
    for (const pod of sim.pods().filter((each) => each.spec.host === host.meta.name)) {
      const { cpus = 1, memoryBytes = 0 } = pod.spec.placement?.requests ?? {};
      const share = oneIn(random, 6) ? 1 : 0.2;
      usage[pod.meta.uid] = { cpus: cpus * share, memoryBytes: Math.floor(memoryBytes * share) };
    }
    await changeHost(sim, host, (present) => {
      present.status.usage = usage;
    });
  }
}

async function change(sim: Simulation, pod: Pod, by: (present: Pod) => void): Promise<void> {
  await sim.tables.pods.mutate(pod.meta, (present) => {
    by(present);
    return present;
  });
}

async function changeHost(sim: Simulation, host: Host, by: (present: Host) => void): Promise<void> {
  await sim.tables.hosts.mutate(host.meta, (present) => {
    by(present);
    return present;
  });
}
