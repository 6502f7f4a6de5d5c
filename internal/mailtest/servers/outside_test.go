//go:build servers

package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// prepare tells what is missing on this machine, and makes the folder that holds everything that does not outlive the
// run. The packages are kept for the next run.
func prepare() (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("real servers are run in namespaces of their own, which takes root: run make servers as root")
	}
	for _, tool := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("the servers come as Debian packages, and %s is missing here: run make servers on Debian 12", tool)
		}
	}
	work, err := os.MkdirTemp("", "servers")
	if err != nil {
		return "", fmt.Errorf("make working folder: %w", err)
	}
	return work, os.Chmod(work, 0o755) // the servers' users must pass
}

// build builds the real program, static, as it is shipped.
func build(program string) error {
	cmd := exec.Command("go", "build", "-o", program, "pricefetch/cmd/pricefetch")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build pricefetch: %w\n%s", err, out)
	}
	return nil
}

// run fetches the server's packages and runs the inner part with them. It also returns what that said.
func (r recipe) run(work, program string) (o outcome, said string, err error) {
	o = outcome{Protocols: r.protocols()}
	dir, err := r.fetch()
	if err != nil {
		return o, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return o, "", fmt.Errorf("find own program: %w", err)
	}
	written := filepath.Join(work, r.name+".json")
	cmd := exec.Command(self, "-test.run=^TestServer$", "-test.timeout=20m")
	cmd.Env = append(os.Environ(), envServer+"="+r.name, envPackage+"="+dir, envProgram+"="+program, envOutcome+"="+written, "TMPDIR="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET,
		Pdeathsig:  syscall.SIGKILL, // with the first process of the namespace everything in it ends
	}
	runtime.LockOSThread() // the signal comes when the thread ends that started the process
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return o, "", fmt.Errorf("start in namespaces of its own (does this machine allow them?): %w", err)
	}
	told, lost := readOutcome(written)
	if lost != nil {
		return o, string(out), errors.Join(err, lost)
	}
	return told, string(out), err
}

// notNeeded are packages that the servers' depend on and that are of no use here: a mail transport and its kind.
var notNeeded = []string{"exim4", "perl", "libperl", "update-inetd", "mysql-common", "mariadb-common"}

// fetch downloads the server's packages, with those that they depend on and the machine lacks, and unpacks them into a
// folder of their own. Nothing is installed, so that packages which exclude each other do not matter.
func (r recipe) fetch() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir() // a job without a home
	}
	dir := filepath.Join(cache, "pricefetch-servers", r.name)
	done := filepath.Join(dir, "fetched")
	if _, err := os.Stat(done); err == nil {
		return dir, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("clear %s: %w", dir, err)
	}
	for _, sub := range []string{"debs/partial", "etc", "usr"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return "", fmt.Errorf("make folder for packages: %w", err)
		}
	}
	if err := r.download(filepath.Join(dir, "debs")); err != nil {
		return "", err
	}
	if err := unpack(dir); err != nil {
		return "", err
	}
	return dir, os.WriteFile(done, nil, 0o644)
}

// download asks apt-get; if it does not know the packages, it is told to look what there is and asked again.
func (r recipe) download(dir string) error {
	args := append([]string{"-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Dir::Cache::archives=" + dir, "-o", "Debug::NoLocking=1",
		"install", "-y", "--no-install-recommends", "--download-only", "--reinstall"}, r.packages...)
	if err := exec.Command("apt-get", args...).Run(); err == nil {
		return nil
	}
	if out, err := exec.Command("apt-get", "-qq", "update").CombinedOutput(); err != nil {
		return fmt.Errorf("update package lists: %w\n%s", err, out)
	}
	if out, err := exec.Command("apt-get", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("download %s: %w\n%s", strings.Join(r.packages, " "), err, out)
	}
	return nil
}

// unpack unpacks every package into dir. What some still put into /lib and the like goes below usr, where those are
// links to on a system of today.
func unpack(dir string) error {
	debs, err := filepath.Glob(filepath.Join(dir, "debs", "*.deb"))
	if err != nil || len(debs) == 0 {
		return fmt.Errorf("unpack packages: apt-get left none in %s", dir)
	}
	for _, deb := range debs {
		if isNotNeeded(filepath.Base(deb)) {
			continue
		}
		if out, err := exec.Command("dpkg-deb", "-x", deb, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w\n%s", filepath.Base(deb), err, out)
		}
	}
	for _, sub := range []string{"lib", "bin", "sbin"} {
		from := filepath.Join(dir, sub)
		if _, err := os.Stat(from); err != nil {
			continue
		}
		if out, err := exec.Command("cp", "-a", from, filepath.Join(dir, "usr")).CombinedOutput(); err != nil {
			return fmt.Errorf("move %s below usr: %w\n%s", sub, err, out)
		}
	}
	return nil
}

func isNotNeeded(deb string) bool {
	for _, name := range notNeeded {
		if strings.HasPrefix(deb, name) {
			return true
		}
	}
	return false
}

// version reads the version of the server out of the name of its first package, without epoch and revision.
func (r recipe) version(dir string) string {
	debs, _ := filepath.Glob(filepath.Join(dir, "debs", r.packages[0]+"_*.deb")) // the pattern is sound
	if len(debs) == 0 {
		return ""
	}
	_, version, _ := strings.Cut(filepath.Base(debs[0]), "_")
	if _, after, ok := strings.Cut(version, "%3a"); ok {
		version = after
	}
	return version[:strings.IndexAny(version+"-", "-+")]
}
