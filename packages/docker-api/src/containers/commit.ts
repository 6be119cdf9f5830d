import { KraudError } from '@kraud/base';
import type { ImageConfig } from '@kraud/cloud';
import { joinName } from '../image-names.ts';
import { type Operation, yes } from '../operation.ts';
import type { CreateBody } from './draft/body.ts';
import { configRows } from './draft/rows-config.ts';
import { configOf } from './show/config.ts';
import { mainOf } from './show/given.ts';

export const commitContainer: Operation = {
  method: 'POST',
  path: '/commit',
  params: {
    container: yes('text'),
    repo: yes('text'),
    tag: yes('text'),
    comment: yes('text'),
    author: yes('text'),
    pause: yes('flag', 'true if it is left out'),
    changes: yes('list', 'Dockerfile instructions'),
  },
  body: configRows,
  async run({ pods, images }, call) {
    const { query } = call;
    const { body } = await call.body();
    const container = query.text('container');
    if (container === '') throw new KraudError('invalid', 'container is required');
    const reference = joinName(query.text('repo'), query.text('tag'));
    const pod = await pods.get(call.caller, container);
    const { facts } = await images.get(call.caller, mainOf(pod).spec.image.id);
    const ran = configOf(pod, facts) as CreateBody;
    const config = merged(imageConfigOf(ran), imageConfigOf(body as CreateBody));
    const id = await pods.commit(call.caller, container, {
      ...(reference === '' ? {} : { reference }),
      pause: query.flag('pause', true),
      author: query.text('author'),
      message: query.text('comment'),
      changes: changesOf(query.list('changes')),
      config,
    });
    call.json(201, { Id: id });
  },
};

/** One instruction a line; the parameter may be given several times. */
export function changesOf(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** What the request says over what the container ran with, item by item, as dockerd. */
function merged(ran: ImageConfig, own: ImageConfig): ImageConfig {
  const nameOf = (line: string): string => line.split('=', 1)[0] ?? '';
  const named = new Set((own.env ?? []).map(nameOf));
  const exposedPorts = [...new Set([...(ran.exposedPorts ?? []), ...(own.exposedPorts ?? [])])];
  const volumes = [...new Set([...(ran.volumes ?? []), ...(own.volumes ?? [])])];
  const { cmd, ...withoutCmd } = ran;
  const keepsCmd = cmd !== undefined && !own.entrypoint?.length;
  return {
    ...withoutCmd,
    ...(keepsCmd ? { cmd } : {}),
    ...own,
    env: [...(own.env ?? []), ...(ran.env ?? []).filter((line) => !named.has(nameOf(line)))],
    labels: { ...ran.labels, ...own.labels },
    ...(exposedPorts.length > 0 ? { exposedPorts } : {}),
    ...(volumes.length > 0 ? { volumes } : {}),
  };
}

const list = (value: string | string[] | undefined): string[] | undefined =>
  typeof value === 'string' ? [value] : value;

/** What of a container's config an image keeps. As with dockerd a commit keeps what the container ran with. */
function imageConfigOf(body: CreateBody): ImageConfig {
  const cmd = list(body.Cmd);
  const entrypoint = list(body.Entrypoint);
  const health = body.Healthcheck;
  return {
    ...(body.User ? { user: body.User } : {}),
    ...(body.Env ? { env: body.Env } : {}),
    ...(cmd ? { cmd } : {}),
    ...(entrypoint ? { entrypoint } : {}),
    ...(body.WorkingDir ? { workingDir: body.WorkingDir } : {}),
    ...(body.Labels ? { labels: body.Labels } : {}),
    ...(body.ExposedPorts ? { exposedPorts: Object.keys(body.ExposedPorts) } : {}),
    ...(body.Volumes ? { volumes: Object.keys(body.Volumes) } : {}),
    ...(body.StopSignal ? { stopSignal: body.StopSignal } : {}),
    ...(body.Shell ? { shell: body.Shell } : {}),
    ...(body.OnBuild ? { onBuild: body.OnBuild } : {}),
    ...(health?.Test
      ? {
          healthcheck: {
            test: health.Test,
            ...(health.Interval ? { intervalNs: health.Interval } : {}),
            ...(health.Timeout ? { timeoutNs: health.Timeout } : {}),
            ...(health.StartPeriod ? { startPeriodNs: health.StartPeriod } : {}),
            ...(health.StartInterval ? { startIntervalNs: health.StartInterval } : {}),
            ...(health.Retries ? { retries: health.Retries } : {}),
          },
        }
      : {}),
  };
}
