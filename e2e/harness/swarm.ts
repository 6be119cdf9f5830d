import { TestCloud } from './cloud.ts';
import { eventually } from './command.ts';

export interface Task {
  id: string;
  name: string;
  desired: string;
  state: string;
  error: string;
}

/** A one-host cloud with a swarm, as its user sees it through the docker CLI. */
export class TestSwarm {
  readonly cloud: TestCloud;

  private constructor(cloud: TestCloud) {
    this.cloud = cloud;
  }

  /** Of a cloud that has a swarm. */
  static of(cloud: TestCloud): TestSwarm {
    return new TestSwarm(cloud);
  }

  static async start(config: object = { cradle: { warmMax: 2 } }): Promise<TestSwarm> {
    const cloud = await TestCloud.start(config);
    await cloud.ok(['swarm', 'init']);
    return new TestSwarm(cloud);
  }

  async stop(): Promise<void> {
    try {
      await this.cloud.docker(['swarm', 'leave', '--force'], { timeoutMs: 120_000 });
    } finally {
      await this.cloud.stop();
    }
  }

  /** Newest first in each slot, as `service ps` shows them. */
  async tasks(service: string, ...options: string[]): Promise<Task[]> {
    const format = '{{.ID}}|{{.Name}}|{{.DesiredState}}|{{.CurrentState}}|{{.Error}}';
    const text = await this.cloud.ok([
      'service',
      'ps',
      '--no-trunc',
      '--format',
      format,
      ...options,
      service,
    ]);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const [id = '', name = '', desired = '', state = '', error = ''] = line.split('|');
        return { id, name: name.trim(), desired, state, error };
      });
  }

  /** Waits until just so many tasks are wanted and run. */
  async runs(service: string, count: number): Promise<Task[]> {
    return await eventually(
      `${count} tasks of ${service} run`,
      async () => {
        const tasks = await this.tasks(service, '--filter', 'desired-state=running');
        const running = tasks.filter(({ state }) => state.startsWith('Running'));
        return running.length === count && tasks.length === count ? running : undefined;
      },
      120_000,
    );
  }

  /** Waits until a wanted task is in this state, and answers all that are. */
  async reach(service: string, state: string): Promise<Task[]> {
    return await eventually(
      `a task of ${service} is ${state}`,
      async () => {
        const tasks = await this.tasks(service, '--filter', 'desired-state=running');
        const found = tasks.filter((task) => task.state.startsWith(state));
        return found.length > 0 ? found : undefined;
      },
      120_000,
    );
  }

  async inspect<T = string>(service: string, format: string): Promise<T> {
    return JSON.parse(
      await this.cloud.ok(['service', 'inspect', '--format', `{{json ${format}}}`, service]),
    ) as T;
  }

  async updateIs(service: string, state: string): Promise<void> {
    await eventually(
      `the update of ${service} is ${state}`,
      async () => (await this.inspect<{ State?: string } | null>(service, '.UpdateStatus'))?.State === state,
      120_000,
    );
  }
}
