import { MiB } from '@kraud/base';
import { type Operation, partly } from '../operation.ts';
import { recordPodEvent } from '../record.ts';
import { askedOf } from './ps/args.ts';
import { renderProcesses } from './ps/render.ts';

export const topContainer: Operation = {
  method: 'GET',
  path: '/containers/:id/top',
  params: {
    ps_args: partly(
      'text',
      'selections `-e -A a x`, formats `-f -l u -o …` and orders `--sort=…` of known columns; others are refused by name',
    ),
  },
  async run(cloud, call) {
    const asked = askedOf(call.query.text('ps_args') || '-ef');
    const pod = await cloud.pods.get(call.caller, call.param('id'));
    const processes = await cloud.pods.top(call.caller, pod.meta.uid);
    recordPodEvent(cloud, call, 'top', pod);
    const around = { nowMs: call.serving.clock.now(), memoryBytes: pod.spec.memoryMiB * MiB };
    call.json(200, renderProcesses(asked, processes, around));
  },
};
