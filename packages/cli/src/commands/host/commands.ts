import type { Command } from 'commander';
import { type CaOptions, showCa } from './ca.ts';
import { changeHosts, drainTold, parseLabels } from './change.ts';
import { inspectHost } from './inspect.ts';
import { makeJoinToken } from './join-token.ts';
import { listHosts } from './ls.ts';
import { removeHosts } from './rm.ts';
import { showHost } from './show.ts';
import type { Output } from './view.ts';

/** `kra host` and what it can do. */
export function hostCommands(program: Command, globals: () => Output): void {
  const host = program
    .command('host')
    .description('show this host: its capacity, and which accelerator runs its VMs and why')
    .action(() => showHost(globals()));
  host
    .command('ls')
    .description('list the hosts of the cloud')
    .action(() => listHosts(globals()));
  host
    .command('inspect')
    .argument('<host>')
    .description('show everything about a host')
    .action((name: string) => inspectHost(name, globals()));
  host
    .command('cordon')
    .argument('<host...>')
    .description('let a host take no new pods')
    .action((names: string[]) =>
      changeHosts(names, { cordoned: true }, ({ name }) => `${name} takes no new pods`, globals()),
    );
  host
    .command('uncordon')
    .argument('<host...>')
    .description('let a host take pods again; also ends a drain')
    .action((names: string[]) =>
      changeHosts(names, { cordoned: false }, ({ name }) => `${name} takes pods`, globals()),
    );
  host
    .command('drain')
    .argument('<host...>')
    .description('cordon a host and move its pods away')
    .action((names: string[]) => changeHosts(names, { drained: true }, drainTold, globals()));
  host
    .command('rm')
    .argument('<host...>')
    .description('take a host out of the cloud for good')
    .option('--force', 'even while it is ready; its pods move as if it had died', false)
    .action((names: string[], options: { force: boolean }) =>
      removeHosts(names, { ...globals(), ...options }),
    );
  host
    .command('label')
    .argument('<host>')
    .argument('<label...>', 'KEY=VALUE to set, KEY- to take away; kr.zone and kr.rack are failure domains')
    .description('set or take away labels of a host')
    .action((name: string, labels: string[]) =>
      changeHosts(
        [name],
        { labels: parseLabels(labels) },
        ({ name: its }) => `${its} is labelled`,
        globals(),
      ),
    );
  host
    .command('join-token')
    .description('make what another machine joins the cloud with')
    .option('--ttl <duration>', 'how long it is valid, as 24h or 90m (default a day)')
    .option('--rotate', 'end every token given before', false)
    .action((options: { ttl?: string; rotate: boolean }) => makeJoinToken({ ...globals(), ...options }));
  host
    .command('ca')
    .description('show the root that hosts trust each other by, or replace it')
    .option(
      '--rotate',
      'put a new root in its place; join tokens given before are good for nothing then',
      false,
    )
    .option('--ca-cert <file>', 'a root of your own instead of a new one, PEM')
    .option('--ca-key <file>', 'its key, PEM')
    .option('-d, --detach', 'do not wait until all hosts have followed', false)
    .action((options: CaOptions) => showCa({ ...globals(), ...options }));
}
