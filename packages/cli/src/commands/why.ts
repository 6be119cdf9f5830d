import { askKra } from '../kra-client.ts';
import { formatTable } from '../table.ts';

interface WhyView {
  name: string;
  state: string;
  host?: string;
  sentences: string[];
  hosts: { host: string; why: string }[];
}

/** Says why a pod is as it is: where it runs, what it waits for, why it was slow or had to move. */
export async function explain(pod: string, options: { socket: string; json: boolean }): Promise<void> {
  const view = await askKra<WhyView>(options.socket, {
    method: 'GET',
    path: `/why/${encodeURIComponent(pod)}`,
  });
  if (options.json) return console.log(JSON.stringify(view));
  console.log(`${view.name}: ${view.state}`);
  for (const sentence of view.sentences) console.log(`  ${sentence}`);
  if (view.hosts.length === 0) return;
  console.log(
    `\n${formatTable([['HOST', 'WHAT IT SAYS'], ...view.hosts.map(({ host, why }) => [host, why])])}`,
  );
}
