import { useRef, useState } from "react";
import { isCancelled, type Problem, toProblem } from "./problem";

/** What a page does, and what went wrong with the last of it. Neither ever rejects. */
export interface Actions {
  /** The name of what runs. */
  busy: string | undefined;
  isReading: boolean;
  problem: Problem | undefined;
  /** Does what a person has asked for, one thing at a time: nothing while another runs. */
  run(name: string, work: () => Promise<void>): Promise<void>;
  /** Reads what the page shows; nothing has to wait for that. */
  read(work: () => Promise<void>): Promise<void>;
}

export function useActions(): Actions {
  const [busy, setBusy] = useState<string>();
  const [reads, setReads] = useState(0);
  const [problem, setProblem] = useState<Problem>();
  // State is only known at the next rendering; two taps can come before it.
  const isBusy = useRef(false);
  const attempt = async (work: () => Promise<void>) => {
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      if (!isCancelled(error)) setProblem(toProblem(error));
    }
  };
  return {
    busy,
    isReading: reads > 0,
    problem,
    async run(name, work) {
      if (isBusy.current) return;
      isBusy.current = true;
      setBusy(name);
      await attempt(work);
      isBusy.current = false;
      setBusy(undefined);
    },
    async read(work) {
      setReads((count) => count + 1);
      await attempt(work);
      setReads((count) => count - 1);
    },
  };
}
