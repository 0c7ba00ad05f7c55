import { useRef, useState } from "react";
import { isCancelled, type Problem, toProblem } from "./problem";

/** What a page does when told: one thing at a time, each with its name, and what went wrong with the last. */
export interface Actions {
  /** The name of the one that runs. */
  busy: string | undefined;
  problem: Problem | undefined;
  /** Does nothing while another runs. Never rejects: what goes wrong becomes the problem. */
  run(name: string, work: () => Promise<void>): Promise<void>;
}

export function useActions(): Actions {
  const [busy, setBusy] = useState<string>();
  const [problem, setProblem] = useState<Problem>();
  // State is only known at the next rendering; two taps can come before it.
  const isBusy = useRef(false);
  const run = async (name: string, work: () => Promise<void>) => {
    if (isBusy.current) return;
    isBusy.current = true;
    setBusy(name);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      if (!isCancelled(error)) setProblem(toProblem(error));
    } finally {
      isBusy.current = false;
      setBusy(undefined);
    }
  };
  return { busy, problem, run };
}
