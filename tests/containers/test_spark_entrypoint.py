"""What Spark on Kubernetes starts in the image: the environment becomes the command lines of Spark 4."""

import os
import subprocess
from pathlib import Path

import pytest

ENTRYPOINT = Path(__file__).parents[2] / "containers" / "spark-entrypoint.sh"
ECHO = '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n'


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, str]:
    """Programs that print how they were called in the places of Java's and Spark's."""
    for program in ("java/bin/java", "spark/bin/spark-submit"):
        path = tmp_path / program
        path.parent.mkdir(parents=True)
        path.write_text(ECHO)
        path.chmod(0o755)
    return {"JAVA_HOME": str(tmp_path / "java"), "SPARK_HOME": str(tmp_path / "spark")}


def started(environment: dict[str, str], *arguments: str) -> list[str]:
    command = ["/bin/bash", ENTRYPOINT, *arguments]
    told = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=told, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_driver_is_submitted_in_its_own_pod(homes: dict[str, str]) -> None:
    words = started(
        {**homes, "SPARK_DRIVER_BIND_ADDRESS": "10.0.0.7"}, "driver", "--class", "A", "local:///a b.py"
    )
    assert words == [
        f"{homes['SPARK_HOME']}/bin/spark-submit", "--conf", "spark.driver.bindAddress=10.0.0.7", "--conf",
        "spark.executorEnv.SPARK_DRIVER_POD_IP=10.0.0.7", "--deploy-mode", "client", "--class", "A", "local:///a b.py",
    ]  # fmt: skip


def test_an_executor_gets_its_options_in_order(homes: dict[str, str]) -> None:
    options = {f"SPARK_JAVA_OPT_{n}": f"-Dn{n}=a=b c" for n in (10, 2, 0)}
    about = {
        "SPARK_CONF_DIR": "/opt/spark/conf", "SPARK_EXECUTOR_MEMORY": "2g", "SPARK_DRIVER_URL": "spark://driver",
        "SPARK_EXECUTOR_ID": "3", "SPARK_EXECUTOR_CORES": "4", "SPARK_APPLICATION_ID": "app",
        "SPARK_EXECUTOR_POD_IP": "10.0.0.8", "SPARK_RESOURCE_PROFILE_ID": "0", "SPARK_EXECUTOR_POD_NAME": "pod",
    }  # fmt: skip
    assert started({**homes, **options, **about}, "executor") == [
        f"{homes['JAVA_HOME']}/bin/java", "-Dn0=a=b c", "-Dn2=a=b c", "-Dn10=a=b c", "-Xms2g", "-Xmx2g", "-cp",
        f"/opt/spark/conf:{homes['SPARK_HOME']}/jars/*", "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend",
        "--driver-url", "spark://driver", "--executor-id", "3", "--cores", "4", "--app-id", "app", "--hostname",
        "10.0.0.8", "--resourceProfileId", "0", "--podName", "pod",
    ]  # fmt: skip


def test_what_spark_does_not_say_is_left_alone(homes: dict[str, str]) -> None:
    assert started(homes, "echo", "a b") == ["a b"]
    with pytest.raises(subprocess.CalledProcessError):
        started(homes, "executor")
